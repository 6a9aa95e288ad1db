package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"
)

// As in session-cases.ts.
const (
	closeByClient  = 1234
	closeByServer  = 0xfffffffe
	reasonOfClient = "the client goes, naïvely"
	reasonOfServer = "the server goes"
	clientResets   = 29
	clientStops    = 30
	serverResets   = 255
	serverStops    = 61
)

// Until a request by datagram is repeated.
const repetition = 300 * time.Millisecond

// Windows of a session.
var sessionConfig = &webtransport.Config{MaxIncomingStreams: 100, MaxIncomingUniStreams: 100, MaxIncomingData: 1 << 20}

// Which files are asked for of which endpoint.
func endpoints() ([]string, map[string][]string, string, error) {
	urls, err := requests()
	if err != nil {
		return nil, nil, "", err
	}
	var names []string
	files := map[string][]string{}
	host := ""
	for _, each := range urls {
		host = each.Host
		endpoint, rest, hasFile := strings.Cut(strings.Trim(each.Path, "/"), "/")
		if _, isKnown := files[endpoint]; !isKnown {
			names = append(names, endpoint)
			files[endpoint] = nil
		}
		if hasFile {
			files[endpoint] = append(files[endpoint], rest)
		}
	}
	return names, files, host, nil
}

func openSessions() error {
	names, files, host, err := endpoints()
	if err != nil {
		return err
	}
	config, err := clientTLS()
	if err != nil {
		return err
	}
	connection, err := quic.DialAddr(background, host, config, quicConfig())
	if err != nil {
		return err
	}
	transport := &webtransport.Transport{
		Config:               sessionConfig,
		TLSClientConfig:      config,
		QUICConfig:           quicConfig(),
		ApplicationProtocols: strings.Fields(os.Getenv("PROTOCOLS")),
	}
	client, err := transport.NewClientConn(connection)
	if err != nil {
		return err
	}
	done := make(chan error, len(names))
	for _, name := range names {
		go func() {
			response, session, err := client.Dial(background, "https://"+host+"/"+name, nil)
			if err != nil {
				done <- err
				return
			}
			_ = response
			done <- playClient(session, name, files[name])
		}()
	}
	for range names {
		if err := <-done; err != nil {
			return err
		}
	}
	_ = connection.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
	return nil
}

func serveSessions() error {
	_, files, _, err := endpoints()
	if err != nil {
		return err
	}
	config, err := serverTLS()
	if err != nil {
		return err
	}
	socket, err := net.ListenPacket("udp4", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		return err
	}
	server := &webtransport.Server{
		H3:                   &http3.Server{TLSConfig: config, QUICConfig: quicConfig(), EnableDatagrams: true},
		Config:               sessionConfig,
		ApplicationProtocols: strings.Fields(os.Getenv("PROTOCOLS")),
		CheckOrigin:          func(*http.Request) bool { return true },
	}
	webtransport.ConfigureHTTP3Server(server.H3)
	server.H3.Handler = http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		session, err := server.Upgrade(response, request)
		if err != nil {
			report("refused", map[string]any{"error": err.Error()})
			response.WriteHeader(http.StatusBadRequest)
			return
		}
		name := strings.Trim(request.URL.Path, "/")
		if err := playServer(session, name, files[name]); err != nil {
			report("session-failed", map[string]any{"error": err.Error()})
		}
	})
	report("listening", map[string]any{"address": socket.LocalAddr().String()})
	return server.Serve(socket)
}

func begin(session *webtransport.Session) error {
	protocol := session.SessionState().ApplicationProtocol
	report("session", map[string]any{"protocol": protocol})
	if protocol == "" {
		return nil
	}
	return saveFile("negotiated_protocol.txt", []byte(protocol))
}

func playClient(session *webtransport.Session, endpoint string, names []string) error {
	if err := begin(session); err != nil {
		return err
	}
	switch testCase {
	case "handshake":
	case "closes":
		return playClose(session, endpoint, "by-client", closeByClient, reasonOfClient)
	case "errors":
		if err := sendErrors(session); err != nil {
			return err
		}
	default:
		files := newFiles(session, endpoint)
		if testCase == "transfer" {
			<-session.Context().Done()
			return nil
		}
		if err := files.requestAll(names); err != nil {
			return err
		}
	}
	return session.CloseWithError(0, "")
}

func playServer(session *webtransport.Session, endpoint string, names []string) error {
	if err := begin(session); err != nil {
		return err
	}
	switch testCase {
	case "handshake":
	case "closes":
		return playClose(session, endpoint, "by-server", closeByServer, reasonOfServer)
	case "errors":
		go answerErrors(session)
	default:
		files := newFiles(session, endpoint)
		if len(names) > 0 {
			if err := files.requestAll(names); err != nil {
				return err
			}
			return session.CloseWithError(0, "")
		}
	}
	<-session.Context().Done()
	return nil
}

func playClose(session *webtransport.Session, endpoint, who string, code webtransport.SessionErrorCode, reason string) error {
	if endpoint == who {
		return session.CloseWithError(code, reason)
	}
	_, err := session.AcceptStream(background)
	var closed *webtransport.SessionError
	if !errors.As(err, &closed) {
		return fmt.Errorf("the session ended with %w", err)
	}
	report("session-closed", map[string]any{"endpoint": endpoint, "closeCode": closed.ErrorCode, "reason": closed.Message})
	return nil
}

func openLetter(session *webtransport.Session, letter string) (*webtransport.Stream, error) {
	stream, err := session.OpenStreamSync(background)
	if err != nil {
		return nil, err
	}
	if _, err := stream.Write([]byte(letter)); err != nil {
		return nil, err
	}
	_, err = io.ReadFull(stream, make([]byte, 1))
	return stream, err
}

func sendErrors(session *webtransport.Session) error {
	first, err := openLetter(session, "A")
	if err != nil {
		return err
	}
	first.CancelWrite(clientResets)
	first.CancelRead(clientStops)
	second, err := openLetter(session, "B")
	if err != nil {
		return err
	}
	reportEnds(second)
	_, err = openLetter(session, "C")
	return err
}

func answerErrors(session *webtransport.Session) {
	seen := make(chan struct{})
	for {
		stream, err := session.AcceptStream(background)
		if err != nil {
			return
		}
		letter := make([]byte, 1)
		if _, err := io.ReadFull(stream, letter); err != nil {
			continue
		}
		if letter[0] == 'C' {
			<-seen
		}
		_, _ = stream.Write(letter)
		switch letter[0] {
		case 'A':
			go func() {
				reportEnds(stream)
				close(seen)
			}()
		case 'B':
			// The answer must be read before the reset overtakes it.
			time.Sleep(200 * time.Millisecond)
			stream.CancelWrite(serverResets)
			stream.CancelRead(serverStops)
		}
	}
}

func reportEnds(stream *webtransport.Stream) {
	code := func(err error) any {
		var ended *webtransport.StreamError
		if errors.As(err, &ended) {
			return ended.ErrorCode
		}
		return fmt.Sprint(err)
	}
	_, readError := stream.Read(make([]byte, 1))
	<-stream.Context().Done()
	// The cause of the context has the code as QUIC has it.
	_, writeError := stream.Write(make([]byte, 1))
	report("stream-ended", map[string]any{"reset": code(readError), "stopped": code(writeError)})
}

// The files of a session, as in session-files.ts.
type files struct {
	session  *webtransport.Session
	endpoint string
	mutex    sync.Mutex
	missing  map[string]chan error
}

func newFiles(session *webtransport.Session, endpoint string) *files {
	f := &files{session: session, endpoint: endpoint, missing: map[string]chan error{}}
	note := func(err error) {
		if err != nil {
			report("stream-failed", map[string]any{"error": err.Error()})
		}
	}
	go func() {
		for {
			stream, err := session.AcceptUniStream(background)
			if err != nil {
				return
			}
			go func() { note(f.receive(stream)) }()
		}
	}()
	go func() {
		for {
			stream, err := session.AcceptStream(background)
			if err != nil {
				return
			}
			go func() { note(f.answer(stream)) }()
		}
	}()
	go func() {
		for {
			datagram, err := session.ReceiveDatagram(background)
			if err != nil {
				return
			}
			note(f.receiveDatagram(datagram))
		}
	}()
	return f
}

func (f *files) read(request []byte) (string, []byte, error) {
	name, isGet := strings.CutPrefix(strings.TrimRight(string(request), "\r\n"), "GET ")
	if !isGet {
		return "", nil, fmt.Errorf("not a request: %q", request)
	}
	content, err := readFile(path.Join(f.endpoint, name))
	return name, content, err
}

func pushOf(name string, content []byte) []byte {
	return append([]byte("PUSH "+name+"\n"), content...)
}

func (f *files) answer(stream *webtransport.Stream) error {
	request, err := io.ReadAll(stream)
	if err != nil {
		return err
	}
	_, content, err := f.read(request)
	if err != nil {
		return err
	}
	if _, err := stream.Write(content); err != nil {
		return err
	}
	return stream.Close()
}

func (f *files) receive(stream *webtransport.ReceiveStream) error {
	message, err := io.ReadAll(stream)
	if err != nil || f.take(message) {
		return err
	}
	name, content, err := f.read(message)
	if err != nil {
		return err
	}
	return f.send(pushOf(name, content))
}

func (f *files) send(message []byte) error {
	stream, err := f.session.OpenUniStreamSync(background)
	if err != nil {
		return err
	}
	if _, err := stream.Write(message); err != nil {
		return err
	}
	return stream.Close()
}

func (f *files) receiveDatagram(datagram []byte) error {
	if f.take(datagram) {
		return nil
	}
	name, content, err := f.read(datagram)
	if err != nil {
		return err
	}
	return f.session.SendDatagram(pushOf(name, content))
}

// Saves what was asked for; false for what is no PUSH.
func (f *files) take(message []byte) bool {
	rest, isPush := bytes.CutPrefix(message, []byte("PUSH "))
	if !isPush {
		return false
	}
	head, content, _ := bytes.Cut(rest, []byte("\n"))
	f.mutex.Lock()
	done, isMissing := f.missing[string(head)]
	delete(f.missing, string(head))
	f.mutex.Unlock()
	if isMissing {
		done <- saveFile(path.Join(f.endpoint, string(head)), content)
	}
	return true
}

func (f *files) requestAll(names []string) error {
	done := make(chan error, len(names))
	kind := strings.Split(testCase, "-")[1]
	if kind != "bidirectional" {
		f.mutex.Lock()
		for _, name := range names {
			f.missing[name] = done
		}
		f.mutex.Unlock()
	}
	ended := make(chan struct{})
	defer close(ended)
	if kind == "datagram" {
		go f.ask(ended)
	}
	for _, name := range names {
		switch kind {
		case "bidirectional":
			go func() { done <- f.fetch(name) }()
		case "unidirectional":
			go func() {
				if err := f.send([]byte("GET " + name)); err != nil {
					done <- err
				}
			}()
		}
	}
	for range names {
		select {
		case err := <-done:
			if err != nil {
				return err
			}
		case <-f.session.Context().Done():
			return errors.New("the session ended before all files had come")
		}
	}
	return nil
}

func (f *files) ask(ended chan struct{}) {
	for {
		f.mutex.Lock()
		var names []string
		for name := range f.missing {
			names = append(names, name)
		}
		f.mutex.Unlock()
		for _, name := range names {
			_ = f.session.SendDatagram([]byte("GET " + name))
		}
		select {
		case <-ended:
			return
		case <-time.After(repetition):
		}
	}
}

func (f *files) fetch(name string) error {
	stream, err := f.session.OpenStreamSync(background)
	if err != nil {
		return err
	}
	if _, err := stream.Write([]byte("GET " + name)); err != nil {
		return err
	}
	if err := stream.Close(); err != nil {
		return err
	}
	content, err := io.ReadAll(stream)
	if err != nil {
		return err
	}
	return saveFile(path.Join(f.endpoint, name), content)
}
