package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
)

// connServer is a server for tests that keeps limit connections open. Only that bound ends one.
func connServer(t *testing.T, limit int, h http.Handler) (srv *httpServer, address string) {
	t.Helper()
	srv = newServer(slog.New(slog.DiscardHandler))
	srv.ReadHeaderTimeout, srv.ReadTimeout = time.Hour, time.Hour
	srv.WriteTimeout, srv.IdleTimeout = time.Hour, time.Hour
	srv.conns.bound(srv.Server, limit)
	srv.open(h)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		testreq.Until(t, "the connections to be forgotten", func() bool {
			srv.conns.mu.Lock()
			defer srv.conns.mu.Unlock()
			return len(srv.conns.open)+len(srv.conns.byAddress) == 0
		})
	})
	return srv, l.Addr().String()
}

// dial opens a connection and sends text.
func dial(t *testing.T, address, text string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
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
	return conn
}

const (
	halfHeaders = "GET / HTTP/1.1\r\nHost: shop\r\nX-Half: "
	halfBody    = "POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 100\r\n\r\n"
	whole       = "GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
)

// TestConnectionsThatWaitAreBounded: 9,000 connections of one client that stopped in the middle of
// their headers took 700 MB.
func TestConnectionsThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	const limit = 8
	begun, end := make(chan struct{}, 1), make(chan struct{})
	srv, address := connServer(t, limit, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			begun <- struct{}{}
			<-end
		}
		_, _ = io.WriteString(w, "here")
	}))
	answered := func(conn net.Conn) {
		t.Helper()
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if body, err := io.ReadAll(res.Body); err != nil || string(body) != "here" {
			t.Errorf("answered %q, %v", body, err)
		}
	}

	slow := dial(t, address, "GET /slow HTTP/1.1\r\nHost: shop\r\n\r\n")
	<-begun
	texts := []string{halfHeaders, "", halfBody, whole}
	var waiting []net.Conn
	for i := range 3 * limit {
		text := texts[i%len(texts)]
		waiting = append(waiting, dial(t, address, text))
		if text == whole {
			answered(waiting[i]) // and stays
		}
		testreq.Until(t, "it to wait", func() bool { return connsThat(srv, true) == min(i+1, limit-1) })
	}
	for i, conn := range waiting[:len(waiting)-limit+1] {
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("connection %d, which sent %q, is still open", i, texts[i%len(texts)])
		}
	}
	answered(dial(t, address, whole))
	close(end)
	answered(slow)
}

// TestAnswersThatNobodyReadsAreBounded: connections whose client read none of its answers stayed for
// 90 seconds, however many they were.
func TestAnswersThatNobodyReadsAreBounded(t *testing.T) {
	t.Parallel()
	const limit = 8
	answer := strings.Repeat("x", 16<<20) // more than the system keeps for a connection
	begun := make(chan struct{})
	_, address := connServer(t, limit, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		begun <- struct{}{}
		_, _ = io.WriteString(w, answer)
	}))
	var conns []net.Conn
	for range 2 * limit {
		conns = append(conns, dial(t, address, whole))
		<-begun
	}
	for i, conn := range conns {
		n, err := io.Copy(io.Discard, io.LimitReader(conn, int64(len(answer))))
		if cut := err != nil || n < int64(len(answer)); cut != (i < limit) {
			t.Errorf("of connection %d, %d bytes came, %v", i, n, err)
		}
	}
}

// connsThat is how many connections wait for the client, or are being answered.
func connsThat(s *httpServer, wait bool) int {
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	n := 0
	for _, one := range s.conns.open {
		if one.waits == wait {
			n++
		}
	}
	return n
}

// TestWhatAConnectionCosts measures what maxConns connections take at most, of those kinds that a
// client can hold open without having done anything else.
func TestWhatAConnectionCosts(t *testing.T) {
	const (
		conns = 256
		limit = 128 << 20 // for maxConns
	)
	for _, kind := range []struct{ name, text string }{
		{"silent", ""},
		{"half of its headers", halfHeaders + strings.Repeat("h", maxHeaderBytes-1<<10)},
		{"half of a body", halfBody},
		{"an answer that nobody reads", whole},
	} {
		t.Run(kind.name, func(t *testing.T) {
			answer := make([]byte, 16<<20)
			srv, address := connServer(t, conns, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					_, _ = w.Write(answer)
				}
			}))
			before := inUse()
			for range conns {
				dial(t, address, kind.text)
			}
			testreq.Until(t, "the connections", func() bool {
				srv.conns.mu.Lock()
				defer srv.conns.mu.Unlock()
				return len(srv.conns.open) == conns
			})
			if kind.text == whole {
				testreq.Until(t, "the answers", func() bool { return connsThat(srv, false) == conns })
			}
			one := (inUse() - before) / conns
			t.Logf("%d bytes for a connection, %d MiB for %d", one, one*maxConns>>20, maxConns)
			if one*maxConns > limit {
				t.Errorf("%d bytes for a connection are %d MiB for all, at most %d are planned",
					one, one*maxConns>>20, limit>>20)
			}
		})
	}
}

// inUse is what the heap and the stacks hold, in bytes.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // what the first one found in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// TestTheAddressWithTheMostConnectionsLosesOne: who has few keeps them, however old they are.
func TestTheAddressWithTheMostConnectionsLosesOne(t *testing.T) {
	t.Parallel()
	var o openConns
	o.bound(&http.Server{}, 6)
	conn := func(address string, i int) *fakeConn {
		c := &fakeConn{from: &net.TCPAddr{IP: net.ParseIP(address), Port: i}}
		o.enter(c)
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
