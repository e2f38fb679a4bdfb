package throttlehttp

import (
	"bytes"
	"container/list"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// BodyConfig says how a [Body] reads.
type BodyConfig struct {
	// MaxBytes is the largest body, 1 or more. Required.
	MaxBytes int64
	// Timeout is how long the whole body may take. Zero means 5 seconds.
	Timeout time.Duration
	// PerKey is how many bodies of one key may be read at a time, Total how many of
	// all keys. One more cuts off the oldest, of the key or of all: an honest body
	// takes milliseconds, and the oldest is the slowest. Zero means 64 and 4,096.
	// Total times MaxBytes bounds the memory.
	PerKey, Total int
	// Key returns the key of a request. Nil means the address of the connection.
	Key KeyFunc
	// Failed answers a request whose body is not read: status is 413 for one that is
	// too large and 408 for one that takes too long. Nil means a line of plain text.
	Failed func(w http.ResponseWriter, r *http.Request, status int)
}

// Body reads the body of each request, small and in seconds, before the handler
// is called. A client that sends half a request then holds its connection and
// what it sent, and no place and no unit of a limit. Make one with [NewBody].
// The zero value answers every request with 503.
//
// The time limit needs a connection whose deadline can be set, as net/http's
// server has. For slow headers set http.Server.ReadHeaderTimeout.
type Body struct {
	cfg BodyConfig

	mu   sync.Mutex
	all  list.List // of *reading, the oldest first
	keys map[string]*list.List
}

// reading is a body that is being read.
type reading struct {
	key       string
	all, mine *list.Element
	conn      *http.ResponseController
}

const (
	defaultBodyTimeout = 5 * time.Second
	defaultPerKey      = 64
	defaultTotal       = 4096
)

// NewBody returns the reader, or an error that names the field that is out of
// range.
func NewBody(cfg BodyConfig) (*Body, error) {
	switch {
	case cfg.MaxBytes < 1:
		return nil, fmt.Errorf("throttlehttp: BodyConfig.MaxBytes is %d, allowed is 1 or more", cfg.MaxBytes)
	case cfg.Timeout < 0:
		return nil, fmt.Errorf("throttlehttp: BodyConfig.Timeout is %v, allowed is 0 (%v) or more",
			cfg.Timeout, defaultBodyTimeout)
	case cfg.PerKey < 0 || cfg.Total < 0:
		return nil, fmt.Errorf("throttlehttp: BodyConfig.PerKey is %d and Total %d, allowed is 0 (%d and %d) or more",
			cfg.PerKey, cfg.Total, defaultPerKey, defaultTotal)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultBodyTimeout
	}
	if cfg.PerKey == 0 {
		cfg.PerKey = defaultPerKey
	}
	if cfg.Total == 0 {
		cfg.Total = defaultTotal
	}
	if cfg.Key == nil {
		cfg.Key = AddressKey(Proxies{})
	}
	if cfg.Failed == nil {
		cfg.Failed = bodyFailed
	}
	return &Body{cfg: cfg, keys: map[string]*list.List{}}, nil
}

// Handler returns next with the body of each request read before it is called.
func (b *Body) Handler(next http.Handler) http.Handler {
	if b.keys == nil {
		return plain(http.StatusServiceUnavailable, "This throttlehttp.Body is a zero value: make one with NewBody.\n")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		data, status := b.read(w, r)
		if status != 0 {
			w.Header().Set("Connection", "close") // what is left of the body is not read
			b.cfg.Failed(w, r, status)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(data))
		next.ServeHTTP(w, r)
	})
}

// read returns the body, or the status that says why not.
func (b *Body) read(w http.ResponseWriter, r *http.Request) ([]byte, int) {
	if r.ContentLength > b.cfg.MaxBytes {
		return nil, http.StatusRequestEntityTooLarge
	}
	conn := http.NewResponseController(w)
	// A writer that has no connection, as in tests, has no deadline either.
	_ = conn.SetReadDeadline(time.Now().Add(b.cfg.Timeout))
	one := b.enter(r, conn)
	data, err := io.ReadAll(io.LimitReader(r.Body, b.cfg.MaxBytes+1))
	cut := b.leave(one)
	switch {
	case cut: // even where its end just came: the server has heard of the deadline, and cancels the request
		return nil, http.StatusRequestTimeout
	case int64(len(data)) > b.cfg.MaxBytes:
		return nil, http.StatusRequestEntityTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, http.StatusRequestTimeout
	case err != nil:
		return nil, http.StatusBadRequest
	}
	// The server's own deadline has no more to say: the body is here, and the next
	// request sets another.
	_ = conn.SetReadDeadline(time.Time{})
	return data, 0
}

// enter notes a body that is being read, and cuts off the oldest if there are
// too many.
func (b *Body) enter(r *http.Request, conn *http.ResponseController) *reading {
	key, _ := b.cfg.Key(r)
	one := &reading{key: key, conn: conn}
	b.mu.Lock()
	defer b.mu.Unlock()
	mine := b.keys[key]
	if mine == nil {
		mine = list.New()
		b.keys[key] = mine
	}
	if mine.Len() >= b.cfg.PerKey {
		b.cut(mine.Front().Value.(*reading))
	}
	if b.all.Len() >= b.cfg.Total {
		b.cut(b.all.Front().Value.(*reading))
	}
	// The last of the key may have been cut.
	b.keys[key] = mine
	one.all, one.mine = b.all.PushBack(one), mine.PushBack(one)
	return one
}

// cut ends the reading of a body: its next read fails. The lock is held.
func (b *Body) cut(one *reading) {
	_ = one.conn.SetReadDeadline(time.Unix(1, 0))
	b.remove(one)
}

// leave ends the reading, and reports whether it was cut off.
func (b *Body) leave(one *reading) (cut bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	cut = one.all == nil
	b.remove(one)
	return cut
}

func (b *Body) remove(one *reading) {
	if one.all == nil {
		return // cut off before
	}
	b.all.Remove(one.all)
	mine := b.keys[one.key]
	mine.Remove(one.mine)
	if mine.Len() == 0 {
		delete(b.keys, one.key)
	}
	one.all = nil
}

// Reading returns how many bodies are being read now.
func (b *Body) Reading() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Len()
}

func bodyFailed(w http.ResponseWriter, r *http.Request, status int) {
	words := map[int]string{
		http.StatusRequestEntityTooLarge: "The request is too large.\n",
		http.StatusRequestTimeout:        "The request took too long to arrive. Try again.\n",
		http.StatusBadRequest:            "The request is not complete. Try again.\n",
	}
	plain(status, words[status]).ServeHTTP(w, r)
}
