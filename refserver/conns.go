package main

import (
	"container/list"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/returnkit/returnkit/refserver/internal/auth"
)

// maxConns is how many connections may be open. One that has sent half of its headers costs most: see
// TestWhatAConnectionCosts, which bounds the memory of all of them.
const maxConns = 3072

// openConns bounds the connections of a server. One more closes a connection of the address with the
// most: the one that has waited longest for a request, or for the rest of its headers or body, and
// where none waits the one whose answer was begun first. Who is about to send something does so in
// milliseconds, and a browser whose idle connection is closed makes another. The zero value bounds
// nothing.
type openConns struct {
	limit int

	mu        sync.Mutex
	open      map[net.Conn]*openConn
	byAddress map[string]*addressConns
}

// addressConns are the connections of an address, each list with the oldest first.
type addressConns struct{ waiting, answered list.List }

func (a *addressConns) len() int { return a.waiting.Len() + a.answered.Len() }

// openConn is a connection with its place in one of the lists of its address.
type openConn struct {
	address string
	waits   bool // for the client
	at      *list.Element
}

// connKey is where a request's context has its connection.
type connKey struct{}

// bound has the server keep within limit.
func (o *openConns) bound(srv *http.Server, limit int) {
	o.limit, o.open, o.byAddress = limit, map[net.Conn]*openConn{}, map[string]*addressConns{}
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			o.enter(c)
		case http.StateIdle:
			o.set(c, true)
		case http.StateHijacked, http.StateClosed:
			o.leave(c)
		}
	}
}

// handler is next for a connection that waits no longer once the body of its request was read.
func (o *openConns) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(net.Conn); ok {
			if r.Body == nil || r.Body == http.NoBody {
				o.set(c, false)
			} else {
				// A copy: the server goes by the body of its own request where one is too large to be
				// read to its end, and the client would see a reset in place of the 413.
				r = r.WithContext(r.Context())
				body := &arrivingBody{
					ReadCloser: r.Body, length: r.ContentLength, asked: r.Header.Get("Expect") != "",
					arrived: func() { o.set(c, false) },
				}
				answer := &answerWriter{ResponseWriter: w, body: body}
				r.Body = body
				next.ServeHTTP(answer, r)
				answer.begin()
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// arrivingBody is a body that reports when it has arrived.
type arrivingBody struct {
	io.ReadCloser

	length  int64 // -1 for one that does not say it
	asked   bool  // its sender waits until it is to be sent
	arrived func()

	read int64
	err  error // that ended it
}

// Read implements io.Reader.
func (b *arrivingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if err == io.EOF && b.err == nil {
		b.arrived()
	}
	if err != nil {
		b.err = err
	}
	return n, err
}

func (o *openConns) enter(c net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.open) >= o.limit {
		oldest := o.oldest()
		o.remove(oldest)
		_ = oldest.Close() // the server hears of it by its next read or write
	}
	one := &openConn{address: addressOf(c), waits: true}
	conns := o.byAddress[one.address]
	if conns == nil {
		conns = &addressConns{}
		o.byAddress[one.address] = conns
	}
	one.at = conns.waiting.PushBack(c)
	o.open[c] = one
}

// oldest is the connection to close for one more. The lock is held, and one is open.
func (o *openConns) oldest() net.Conn {
	var largest *addressConns
	for _, conns := range o.byAddress {
		if largest == nil || conns.len() > largest.len() {
			largest = conns
		}
	}
	first := largest.waiting.Front()
	if first == nil {
		first = largest.answered.Front()
	}
	return first.Value.(net.Conn)
}

// set notes whether a connection waits for the client from now on.
func (o *openConns) set(c net.Conn, waits bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	one := o.open[c]
	if one == nil || one.waits == waits {
		return
	}
	conns := o.byAddress[one.address]
	if waits {
		conns.answered.Remove(one.at)
		one.at = conns.waiting.PushBack(c)
	} else {
		conns.waiting.Remove(one.at)
		one.at = conns.answered.PushBack(c)
	}
	one.waits = waits
}

func (o *openConns) leave(c net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.remove(c)
}

// remove forgets a connection, where it is open. The lock is held.
func (o *openConns) remove(c net.Conn) {
	one := o.open[c]
	if one == nil {
		return
	}
	delete(o.open, c)
	conns := o.byAddress[one.address]
	if one.waits {
		conns.waiting.Remove(one.at)
	} else {
		conns.answered.Remove(one.at)
	}
	if conns.len() == 0 {
		delete(o.byAddress, one.address)
	}
}

// addressOf is the address of the other end, as connections are counted by.
func addressOf(c net.Conn) string {
	at, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return ""
	}
	return auth.AddressKey(at.Addr().String())
}
