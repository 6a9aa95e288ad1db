// quic-go as an endpoint of the interop runner: the environment says what to do, facts are lines of JSON on standard output.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/quic-go/quic-go"
)

const (
	unsupported    = 127
	idleTimeout    = time.Minute
	sessionTimeout = 10 * time.Second
	// Until a request by datagram is repeated.
	repetition = 200 * time.Millisecond
)

var testCase = os.Getenv("TESTCASE")

// What stays when a connection ends: the program needs to tell no more than its exit code.
var background = context.Background()

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
	config := &quic.Config{
		HandshakeIdleTimeout: idleTimeout,
		MaxIdleTimeout:       idleTimeout,
		EnableDatagrams:      testCase == "datagrams",
		Allow0RTT:            testCase == "zerortt",
	}
	if testCase == "versionnegotiation" && os.Getenv("ROLE") == "client" {
		config.Versions = []quic.Version{0x1a2a3a4a}
	}
	return config
}

func tlsConfig() *tls.Config {
	config := &tls.Config{NextProtos: []string{"hq-interop"}}
	if testCase == "mlkem" {
		config.CurvePreferences = []tls.CurveID{tls.X25519MLKEM768}
	}
	if name := os.Getenv("SSLKEYLOGFILE"); name != "" {
		if file, err := os.OpenFile(name+"-peer", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
			config.KeyLogWriter = file
		}
	}
	return config
}

func answerTo(request string) ([]byte, string, error) {
	words := strings.Fields(request)
	if len(words) < 2 || words[0] != "GET" {
		return nil, "", fmt.Errorf("not a request: %q", request)
	}
	content, err := os.ReadFile(filepath.Join(os.Getenv("WWW"), path.Base(words[1])))
	return content, words[1], err
}

func serve() error {
	address, err := net.ResolveUDPAddr("udp4", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		return err
	}
	socket, err := net.ListenUDP("udp4", address)
	if err != nil {
		return err
	}
	certs := os.Getenv("CERTS")
	pair, err := tls.LoadX509KeyPair(filepath.Join(certs, "cert.pem"), filepath.Join(certs, "priv.key"))
	if err != nil {
		return err
	}
	config := tlsConfig()
	config.Certificates = []tls.Certificate{pair}
	transport := &quic.Transport{
		Conn:                socket,
		VerifySourceAddress: func(net.Addr) bool { return testCase == "retry" },
	}
	listener, err := transport.ListenEarly(config, quicConfig())
	if err != nil {
		return err
	}
	report("listening", map[string]any{"address": socket.LocalAddr().String()})
	for {
		connection, err := listener.Accept(background)
		if err != nil {
			return err
		}
		go serveConnection(connection)
	}
}

func serveConnection(connection *quic.Conn) {
	if testCase == "datagrams" {
		go serveDatagrams(connection)
	}
	go func() {
		<-connection.HandshakeComplete()
		state := connection.ConnectionState()
		report("connected", map[string]any{"alpn": state.TLS.NegotiatedProtocol, "used0RTT": state.Used0RTT})
	}()
	for {
		stream, err := connection.AcceptStream(background)
		if err != nil {
			break
		}
		go func() {
			defer stream.Close()
			request, err := io.ReadAll(stream)
			if err != nil {
				return
			}
			content, _, err := answerTo(string(request))
			if err != nil {
				report("stream-failed", map[string]any{"error": err.Error()})
				return
			}
			_, _ = stream.Write(content)
		}()
	}
	cause := context.Cause(connection.Context())
	var closed *quic.ApplicationError
	if errors.As(cause, &closed) {
		report("closed", map[string]any{"code": uint64(closed.ErrorCode)})
	} else {
		report("closed", map[string]any{"error": cause.Error()})
	}
}

func serveDatagrams(connection *quic.Conn) {
	for {
		request, err := connection.ReceiveDatagram(background)
		if err != nil {
			return
		}
		content, name, err := answerTo(string(request))
		if err != nil {
			continue
		}
		_ = connection.SendDatagram(append([]byte(name+"\r\n"), content...))
	}
}

// A cache that tells when it was given something.
type sessions struct {
	tls.ClientSessionCache
	given chan struct{}
}

func (cache *sessions) Put(key string, state *tls.ClientSessionState) {
	cache.ClientSessionCache.Put(key, state)
	select {
	case cache.given <- struct{}{}:
	default:
	}
}

type client struct {
	tls      *tls.Config
	sessions *sessions
}

func newClient() (*client, error) {
	authority, err := os.ReadFile(filepath.Join(os.Getenv("CERTS"), "ca.pem"))
	if err != nil {
		return nil, err
	}
	config := tlsConfig()
	config.RootCAs = x509.NewCertPool()
	config.RootCAs.AppendCertsFromPEM(authority)
	config.ServerName = "localhost"
	cache := &sessions{tls.NewLRUClientSessionCache(1), make(chan struct{}, 1)}
	if testCase == "resumption" || testCase == "zerortt" {
		config.ClientSessionCache = cache
	}
	return &client{config, cache}, nil
}

func newTransport() (*quic.Transport, error) {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	return &quic.Transport{Conn: socket}, err
}

// Downloads over one connection.
func (client *client) download(requests []*url.URL, awaitsSession bool) error {
	transport, err := newTransport()
	if err != nil {
		return err
	}
	address, err := net.ResolveUDPAddr("udp4", requests[0].Host)
	if err != nil {
		return err
	}
	dial := transport.Dial
	if testCase == "zerortt" && !awaitsSession {
		dial = transport.DialEarly
	}
	connection, err := dial(background, address, client.tls, quicConfig())
	if err != nil {
		return err
	}
	report("connected", map[string]any{"alpn": connection.ConnectionState().TLS.NegotiatedProtocol})
	if awaitsSession {
		select {
		case <-client.sessions.given:
		case <-time.After(sessionTimeout):
			return errors.New("the server gave no session")
		}
	}
	if testCase == "connectionmigration" {
		go migrate(connection)
	}
	if testCase == "datagrams" {
		err = downloadDatagrams(connection, requests)
	} else {
		err = downloadStreams(connection, requests)
	}
	if err != nil {
		return err
	}
	state := connection.ConnectionState()
	report("closed", map[string]any{"code": 0, "didResume": state.TLS.DidResume, "didUse0RTT": state.Used0RTT})
	return connection.CloseWithError(0, "")
}

func migrate(connection *quic.Conn) {
	transport, err := newTransport()
	if err == nil {
		var next *quic.Path
		if next, err = connection.AddPath(transport); err == nil {
			if err = next.Probe(background); err == nil {
				err = next.Switch()
			}
		}
	}
	if err != nil {
		report("migration-failed", map[string]any{"error": err.Error()})
	} else {
		report("migrated", map[string]any{"address": transport.Conn.LocalAddr().String()})
	}
}

func save(request *url.URL, content []byte) error {
	return os.WriteFile(filepath.Join(os.Getenv("DOWNLOADS"), path.Base(request.Path)), content, 0o600)
}

func downloadStreams(connection *quic.Conn, requests []*url.URL) error {
	var group sync.WaitGroup
	failures := make(chan error, len(requests))
	for _, request := range requests {
		group.Add(1)
		go func() {
			defer group.Done()
			failures <- downloadStream(connection, request)
		}()
	}
	group.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}

func downloadStream(connection *quic.Conn, request *url.URL) error {
	stream, err := connection.OpenStreamSync(background)
	if err != nil {
		return err
	}
	if _, err = stream.Write([]byte("GET " + request.Path + "\r\n")); err != nil {
		return err
	}
	_ = stream.Close()
	content, err := io.ReadAll(stream)
	if err != nil {
		return err
	}
	return save(request, content)
}

func downloadDatagrams(connection *quic.Conn, requests []*url.URL) error {
	missing := map[string]*url.URL{}
	for _, request := range requests {
		missing[request.Path] = request
	}
	for len(missing) > 0 {
		for name := range missing {
			_ = connection.SendDatagram([]byte("GET " + name + "\r\n"))
		}
		patience, cancel := context.WithTimeout(background, repetition)
		for len(missing) > 0 {
			answer, err := connection.ReceiveDatagram(patience)
			if patience.Err() != nil {
				break
			}
			if err != nil {
				cancel()
				return err
			}
			name, content, _ := bytes.Cut(answer, []byte("\r\n"))
			if request, isMissing := missing[string(name)]; isMissing {
				if err := save(request, content); err != nil {
					cancel()
					return err
				}
				delete(missing, string(name))
			}
		}
		cancel()
	}
	return nil
}

func downloadAll() error {
	var requests []*url.URL
	for _, word := range strings.Fields(os.Getenv("REQUESTS")) {
		request, err := url.Parse(word)
		if err != nil {
			return err
		}
		requests = append(requests, request)
	}
	client, err := newClient()
	if err != nil {
		return err
	}
	switch testCase {
	case "resumption", "zerortt":
		if err := client.download(requests[:1], true); err != nil {
			return err
		}
		return client.download(requests[1:], false)
	case "multiconnect", "handshakeloss":
		for _, request := range requests {
			if err := client.download([]*url.URL{request}, false); err != nil {
				return err
			}
		}
		return nil
	case "versionnegotiation":
		err := client.download(requests, false)
		var negotiation *quic.VersionNegotiationError
		if errors.As(err, &negotiation) {
			report("version-negotiated", map[string]any{"supported": fmt.Sprint(negotiation.Theirs)})
			return nil
		}
		return fmt.Errorf("no version negotiation: %w", err)
	default:
		return client.download(requests, false)
	}
}

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		os.Exit(0)
	}()
	run := map[string]func() error{"client": downloadAll, "server": serve}[os.Getenv("ROLE")]
	if run == nil {
		fmt.Fprintf(os.Stderr, "ROLE=%s TESTCASE=%s is not supported\n", os.Getenv("ROLE"), testCase)
		os.Exit(unsupported)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
