package web

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// How often the dashboard is read anew for who looks at it, and how long a
// stream lasts before the browser asks again, and is let in again.
const (
	streamEvery = 3 * time.Second
	streamLasts = 5 * time.Minute
	streamSlack = 10 * time.Second // to write one piece
	pieceWithin = 30 * time.Second // to read one

	downloadSlack = time.Minute // for a reader to take a piece of a file
)

// Stream is an answer that lasts longer than a request may take.
type Stream string

// The streams. NoStream is any other answer.
const (
	NoStream  Stream = ""
	Dashboard Stream = "dashboard" // its changing part, live
	Notices   Stream = "notices"   // their number, live, for every page of the shop
	Download  Stream = "download"  // the file of an operation, as fast as its reader takes it
)

// StreamOf returns which stream a request asks for. It goes by the route: what a client accepts
// is the client's word.
func StreamOf(r *http.Request) Stream {
	if r.Method != http.MethodGet && r.Method != http.MethodHead { // which runs what a GET runs
		return NoStream
	}
	switch r.URL.Path {
	case streamPath:
		return Dashboard
	case noticeStreamPath:
		return Notices
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, operationsPath); ok && strings.HasSuffix(rest, "/file") {
		return Download
	}
	return NoStream
}

// IsStream reports whether the answer to r lasts longer than a request may take. Each stream
// limits itself.
func IsStream(r *http.Request) bool { return StreamOf(r) != NoStream }

// dashboardStream sends the changing part of the dashboard as server-sent
// events, when it has changed. It is read once for all who look at the same
// period. It ends when the process drains, and when the session does.
func (s *server) dashboardStream(w http.ResponseWriter, r *http.Request) error {
	p, err := s.period(r)
	if err != nil {
		return err
	}
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy passes it on at once
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var last []byte
	begun := time.Now()
	for next := begun; ; {
		if now := time.Now(); !now.Before(next) {
			next = now.Add(streamEvery)
			piece, err := s.nextPiece(r, p)
			if err != nil || piece == nil {
				return s.streamError(r, err)
			}
			if bytes.Equal(piece, last) {
				piece = []byte(":\n\n") // a sign of life
			} else {
				last = piece
			}
			if err := out.SetWriteDeadline(now.Add(streamSlack)); err != nil {
				return s.streamError(r, err)
			}
			if _, err := w.Write(piece); err != nil {
				return nil // the reader is gone
			}
			if err := out.Flush(); err != nil {
				return nil
			}
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-tick.C:
		}
		if s.Health.Draining() || time.Since(begun) > streamLasts {
			return nil
		}
	}
}

// streamError logs why a stream ends: it has begun, so that no page can say it.
func (s *server) streamError(r *http.Request, err error) error {
	if err != nil && r.Context().Err() == nil {
		s.Log.ErrorContext(r.Context(), "dashboard stream failed", "error", err)
	}
	return nil
}

// nextPiece is what a stream sends next, nil where its reader has signed out.
func (s *server) nextPiece(r *http.Request, p period) ([]byte, error) {
	if still, err := s.Auth.StillSignedIn(r.Context()); err != nil || !still {
		return nil, err
	}
	return s.pieces.get(r.Context(), p.query(), func(ctx context.Context) ([]byte, error) {
		return s.dashboardPiece(r.WithContext(ctx), p)
	})
}

// pieces are what streams send, by what they show. Each is made once for all
// that ask for it within streamEvery.
type pieces struct {
	mu    sync.Mutex
	byKey map[string]*piece
}

type piece struct {
	begun time.Time
	ready chan struct{} // closed when data and err are there
	data  []byte
	err   error
}

// get returns the piece of the key, which read reads where there is none that is
// young enough. What others wait for is read to its end also when ctx ends.
func (c *pieces) get(ctx context.Context, key string, read func(context.Context) ([]byte, error)) ([]byte, error) {
	p, first := c.find(key, time.Now())
	if first {
		p.read(ctx, read)
	}
	select {
	case <-p.ready:
		return p.data, p.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *piece) read(ctx context.Context, read func(context.Context) ([]byte, error)) {
	defer close(p.ready)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pieceWithin)
	defer cancel()
	p.err = errNoPiece // for those who wait, should read panic
	p.data, p.err = read(ctx)
}

var errNoPiece = errors.New("the dashboard could not be read")

// find returns the piece of the key, and whether the caller is to make it.
func (c *pieces) find(key string, now time.Time) (p *piece, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil {
		c.byKey = map[string]*piece{}
	}
	for k, old := range c.byKey {
		if now.Sub(old.begun) >= streamEvery && old.done() {
			delete(c.byKey, k)
		}
	}
	if p = c.byKey[key]; p != nil {
		return p, false
	}
	p = &piece{begun: now, ready: make(chan struct{})}
	c.byKey[key] = p
	return p, true
}

func (p *piece) done() bool {
	select {
	case <-p.ready:
		return true
	default:
		return false
	}
}
