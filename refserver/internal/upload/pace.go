package upload

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// Pace is how slow a client may be: a body that keeps coming is taken however large
// it is, one that stands still, or trickles, is not. Only the time spent waiting
// for the client counts: a slow disk of ours is not held against it.
type Pace struct {
	Idle    time.Duration // without a byte; 0: 20 s
	Grace   time.Duration // before the rate counts; 0: 30 s
	Rate    int64         // bytes a second on the average; 0: 128 KiB
	Longest time.Duration // in all; 0: 15 minutes
}

func (p Pace) withDefaults() Pace {
	if p.Idle == 0 {
		p.Idle = 20 * time.Second
	}
	if p.Grace == 0 {
		p.Grace = 30 * time.Second
	}
	if p.Rate == 0 {
		p.Rate = 128 << 10
	}
	if p.Longest == 0 {
		p.Longest = 15 * time.Minute
	}
	return p
}

// paced is the body of a request, read at no less than a pace.
type paced struct {
	pace   Pace
	conn   *http.ResponseController
	body   io.Reader
	waited time.Duration // for the client
	n      int64
	err    error // that ended it
}

func newPaced(w http.ResponseWriter, r *http.Request, pace Pace) *paced {
	return &paced{pace: pace, conn: http.NewResponseController(w), body: r.Body}
}

func (p *paced) Read(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.read(b)
	if p.err = err; errors.Is(err, io.EOF) {
		// The server watches a connection whose request was read, and takes a deadline that passes
		// for a client that is gone. Not all bodies come from there: a small one was read before.
		_ = p.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}

func (p *paced) read(b []byte) (int, error) {
	if p.waited > p.pace.Longest ||
		p.waited > p.pace.Grace && float64(p.n) < (p.waited-p.pace.Grace).Seconds()*float64(p.pace.Rate) {
		return 0, tooSlow()
	}
	// The answer must not be cut off by the server's own deadline, which counts
	// from the start of the request. A connection without deadlines (a test's)
	// has nothing to move.
	now := time.Now()
	_ = p.conn.SetReadDeadline(now.Add(p.pace.Idle))
	_ = p.conn.SetWriteDeadline(now.Add(p.pace.Idle + work + answering))
	n, err := p.body.Read(b)
	p.waited += time.Since(now)
	p.n += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = tooSlow()
	}
	return n, err
}

func tooSlow() error {
	return problem.New(
		http.StatusRequestTimeout,
		"TOO_SLOW",
		"The photos came too slowly, and the connection was given up. Try again with fewer or smaller photos.",
	)
}
