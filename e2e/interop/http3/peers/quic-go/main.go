// quic-go's HTTP/3 and webtransport-go as endpoints of the interop cases: the environment says what to do, facts are lines of
// JSON on standard output.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

const idleTimeout = time.Minute

var (
	testCase   = os.Getenv("TESTCASE")
	isSession  = os.Getenv("PROTOCOLS") != ""
	background = context.Background()
)

// Standard output is read line by line, for lines that begin with the event.
func report(event string, facts map[string]any) {
	encoded, _ := json.Marshal(facts)
	rest := strings.TrimPrefix(string(encoded), "{")
	if len(facts) > 0 {
		rest = "," + rest
	}
	fmt.Printf("{\"event\":%q%s\n", event, rest)
}

func quicConfig() *quic.Config {
	return &quic.Config{
		HandshakeIdleTimeout:             idleTimeout,
		MaxIdleTimeout:                   idleTimeout,
		EnableDatagrams:                  isSession,
		EnableStreamResetPartialDelivery: isSession,
	}
}

func tlsConfig() *tls.Config {
	config := &tls.Config{NextProtos: []string{http3.NextProtoH3}, ServerName: "localhost"}
	if name := os.Getenv("SSLKEYLOGFILE"); name != "" {
		if file, err := os.OpenFile(name+"-peer", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
			config.KeyLogWriter = file
		}
	}
	return config
}

func clientTLS() (*tls.Config, error) {
	authority, err := os.ReadFile(filepath.Join(os.Getenv("CERTS"), "ca.pem"))
	if err != nil {
		return nil, err
	}
	config := tlsConfig()
	config.RootCAs = x509.NewCertPool()
	config.RootCAs.AppendCertsFromPEM(authority)
	return config, nil
}

func serverTLS() (*tls.Config, error) {
	certs := os.Getenv("CERTS")
	pair, err := tls.LoadX509KeyPair(filepath.Join(certs, "cert.pem"), filepath.Join(certs, "priv.key"))
	if err != nil {
		return nil, err
	}
	config := tlsConfig()
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// What REQUESTS names: URLs for a client, paths for a server.
func requests() ([]*url.URL, error) {
	var urls []*url.URL
	for _, word := range strings.Fields(os.Getenv("REQUESTS")) {
		parsed, err := url.Parse(word)
		if err != nil {
			return nil, err
		}
		urls = append(urls, parsed)
	}
	return urls, nil
}

func readFile(path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(os.Getenv("WWW"), filepath.FromSlash(path)))
}

func saveFile(path string, content []byte) error {
	name := filepath.Join(os.Getenv("DOWNLOADS"), filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, content, 0o644)
}

func run() error {
	isServer := os.Getenv("ROLE") == "server"
	switch {
	case isSession && isServer:
		return serveSessions()
	case isSession:
		return openSessions()
	case isServer:
		return serve()
	default:
		return fetch()
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
