package main

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/returnkit/returnkit/refserver/internal/auth"
)

// maxWaitingConns is how many connections may wait for a request, or for the rest of its headers.
// Times maxHeaderBytes, and what reading takes beside, it bounds the memory that they cost.
const maxWaitingConns = 3072

// waitingConns closes the oldest connection that waits for a request, of the address with the most,
// when there are too many: one who is about to send a request does so in milliseconds, and a
// browser whose idle connection is closed makes another. Connections whose request is being
// answered are not closed. The zero value bounds nothing.
type waitingConns struct {
	limit int

	mu        sync.Mutex
	at        map[net.Conn]*list.Element // in its list of byAddress
	byAddress map[string]*list.List      // of net.Conn, the oldest first
}

// connKey is where a request's context has its connection.
type connKey struct{}

// bound has the server keep within limit.
func (w *waitingConns) bound(srv *http.Server, limit int) {
	w.limit, w.at, w.byAddress = limit, map[net.Conn]*list.Element{}, map[string]*list.List{}
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew, http.StateIdle:
			w.enter(c)
		case http.StateHijacked, http.StateClosed:
			w.leave(c)
		}
	}
}

// handler is next for a connection that waits no longer.
func (w *waitingConns) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(net.Conn); ok {
			w.leave(c)
		}
		next.ServeHTTP(rw, r)
	})
}

func (w *waitingConns) enter(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.at) >= w.limit {
		var largest *list.List
		for _, conns := range w.byAddress {
			if largest == nil || conns.Len() > largest.Len() {
				largest = conns
			}
		}
		oldest := largest.Front().Value.(net.Conn)
		w.remove(oldest)
		_ = oldest.Close() // the server hears of it by its next read
	}
	address := addressOf(c)
	conns := w.byAddress[address]
	if conns == nil {
		conns = list.New()
		w.byAddress[address] = conns
	}
	w.at[c] = conns.PushBack(c)
}

func (w *waitingConns) leave(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(c)
}

// remove forgets a connection, where it waits. The lock is held.
func (w *waitingConns) remove(c net.Conn) {
	one := w.at[c]
	if one == nil {
		return
	}
	delete(w.at, c)
	address := addressOf(c)
	conns := w.byAddress[address]
	if conns.Remove(one); conns.Len() == 0 {
		delete(w.byAddress, address)
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
