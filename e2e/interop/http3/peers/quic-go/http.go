package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"

	"github.com/quic-go/quic-go/http3"
)

// Requests at a time.
const parallel = 100

func serve() error {
	config, err := serverTLS()
	if err != nil {
		return err
	}
	socket, err := net.ListenPacket("udp4", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		return err
	}
	server := &http3.Server{TLSConfig: config, QUICConfig: quicConfig(), Handler: http.HandlerFunc(answer)}
	report("listening", map[string]any{"address": socket.LocalAddr().String()})
	return server.Serve(socket)
}

func answer(response http.ResponseWriter, request *http.Request) {
	name := path.Base(request.URL.Path)
	if request.Method == http.MethodPut {
		content, err := io.ReadAll(request.Body)
		if err == nil {
			err = saveFile(name, content)
		}
		if err != nil {
			response.WriteHeader(http.StatusInternalServerError)
			return
		}
		response.WriteHeader(http.StatusNoContent)
		return
	}
	content, err := readFile(name)
	if err != nil {
		response.WriteHeader(http.StatusNotFound)
		return
	}
	response.Header().Set("X-Interop", "the same in each of the answers")
	_, _ = response.Write(content)
}

func fetch() error {
	urls, err := requests()
	if err != nil {
		return err
	}
	config, err := clientTLS()
	if err != nil {
		return err
	}
	transport := &http3.Transport{TLSClientConfig: config, QUICConfig: quicConfig()}
	defer transport.Close()
	places := parallel
	if testCase == "qpack" {
		places = 1
	}
	waiting := make(chan *url.URL, len(urls))
	for _, each := range urls {
		waiting <- each
	}
	close(waiting)
	done := make(chan error, places)
	for range places {
		go func() {
			for each := range waiting {
				if err := fetchOne(transport, each); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range places {
		if err := <-done; err != nil {
			return err
		}
	}
	return nil
}

func fetchOne(transport *http3.Transport, target *url.URL) error {
	name := path.Base(target.Path)
	method, body := http.MethodGet, io.Reader(nil)
	if testCase == "upload" {
		content, err := readFile(name)
		if err != nil {
			return err
		}
		method, body = http.MethodPut, bytes.NewReader(content)
	}
	request, err := http.NewRequest(method, target.String(), body)
	if err != nil {
		return err
	}
	if testCase == "qpack" {
		request.Header.Set("X-Interop", "the same in each of the requests")
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s was answered with %s", target, response.Status)
	}
	if testCase == "upload" {
		return nil
	}
	return saveFile(name, content)
}
