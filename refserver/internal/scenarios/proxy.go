package scenarios

import (
	"net"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/tape"
)

// proxy serves what wrap makes of a handler that passes requests on to an address.
func (b *bench) proxy(address string, wrap func(http.Handler) http.Handler) (string, error) {
	to, err := tape.Proxy(address)
	if err != nil {
		return "", err
	}
	return b.serve(wrap(to))
}

// serve serves a handler on loopback until the scenario is over.
func (b *bench) serve(h http.Handler) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(b.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(listener) }() // it ends with Close
	b.closers = append(b.closers, srv.Close)
	return "http://" + listener.Addr().String(), nil
}
