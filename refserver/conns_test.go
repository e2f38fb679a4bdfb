package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
)

// TestConnectionsThatWaitAreBounded: 9,000 connections of one client that stopped in the middle of
// their headers took 700 MB.
func TestConnectionsThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	const limit = 8
	srv := newServer(slog.New(slog.DiscardHandler))
	srv.ReadHeaderTimeout = time.Hour // so that only the bound ends them
	srv.waiting.bound(srv.Server, limit)
	begun, end := make(chan struct{}, 1), make(chan struct{})
	srv.open(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			begun <- struct{}{}
			<-end
		}
		_, _ = io.WriteString(w, "here")
	}))
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	open := func(text string) *bufio.Reader {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(testreq.Patience(t))); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		return bufio.NewReader(conn)
	}
	answered := func(r *bufio.Reader) {
		t.Helper()
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if body, err := io.ReadAll(res.Body); err != nil || string(body) != "here" {
			t.Errorf("answered %q, %v", body, err)
		}
	}

	slow := open("GET /slow HTTP/1.1\r\nHost: shop\r\n\r\n")
	<-begun
	var half []*bufio.Reader
	for i := range 3 * limit {
		switch i % 3 {
		case 0:
			half = append(half, open("GET / HTTP/1.1\r\nHost: shop\r\nX-Half: "))
		case 1:
			half = append(half, open("")) // says nothing
		case 2:
			half = append(half, open("GET / HTTP/1.1\r\nHost: shop\r\n\r\n"))
			answered(half[i]) // and stays
		}
	}
	for i, r := range half[:len(half)-limit] {
		if _, err := r.ReadByte(); err == nil {
			t.Errorf("connection %d is still answered", i)
		}
	}
	answered(open("GET / HTTP/1.1\r\nHost: shop\r\n\r\n"))
	close(end)
	answered(slow)

	ctx, cancel := testreq.Context(t)
	defer cancel()
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	testreq.Until(t, "the connections to be forgotten", func() bool {
		srv.waiting.mu.Lock()
		defer srv.waiting.mu.Unlock()
		return ctx.Err() != nil || len(srv.waiting.at)+len(srv.waiting.byAddress) == 0
	})
}

// TestTheAddressWithTheMostConnectionsLosesOne: who has few keeps them, however old they are.
func TestTheAddressWithTheMostConnectionsLosesOne(t *testing.T) {
	t.Parallel()
	var w waitingConns
	w.bound(&http.Server{}, 6)
	conn := func(address string, i int) *fakeConn {
		c := &fakeConn{from: &net.TCPAddr{IP: net.ParseIP(address), Port: i}}
		w.enter(c)
		return c
	}
	honest := []*fakeConn{conn("198.51.100.1", 1), conn("2001:db8::1", 2)}
	var flood []*fakeConn
	for i := range 20 {
		flood = append(flood, conn(fmt.Sprintf("2001:db8:66::%d", i), i)) // one network
	}
	for _, c := range honest {
		if c.closed {
			t.Errorf("the connection of %v was closed", c.from)
		}
	}
	for i, c := range flood {
		if c.closed != (i < 16) {
			t.Errorf("connection %d of the flood: closed %v", i, c.closed)
		}
	}
}

type fakeConn struct {
	net.Conn

	from   net.Addr
	closed bool
}

func (c *fakeConn) RemoteAddr() net.Addr { return c.from }
func (c *fakeConn) Close() error         { c.closed = true; return nil }
func (c *fakeConn) String() string       { return fmt.Sprint(c.from) }
