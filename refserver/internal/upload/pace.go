package upload

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
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
	came   atomic.Int64  // bytes
	err    error         // that ended it

	mu    sync.Mutex
	ended bool // it has all come, or was cut off
	isCut bool
}

func newPaced(w http.ResponseWriter, r *http.Request, pace Pace) *paced {
	return &paced{pace: pace, conn: http.NewResponseController(w), body: r.Body}
}

func (p *paced) Read(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.read(b)
	if errors.Is(err, io.EOF) {
		err = p.end()
	}
	p.err = err
	return n, err
}

// end notes that all has come, unless the body was cut off at that moment.
func (p *paced) end() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isCut {
		return crowdedOut()
	}
	p.ended = true
	// The server watches a connection whose request was read, and takes a deadline that passes
	// for a client that is gone. Not all bodies come from there: a small one was read before.
	_ = p.conn.SetReadDeadline(time.Time{})
	return io.EOF
}

// over reports whether nothing more comes.
func (p *paced) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

// cut has the read under way fail, and all that follow. It reports whether there was still
// something to come.
func (p *paced) cut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return false
	}
	p.ended, p.isCut = true, true
	_ = p.conn.SetReadDeadline(time.Unix(1, 0))
	return true
}

// wait gives the client the time to send the next piece. It reports false for a body that was cut
// off.
func (p *paced) wait(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isCut {
		return false
	}
	// The answer must not be cut off by the server's own deadline, which counts
	// from the start of the request. A connection without deadlines (a test's)
	// has nothing to move.
	_ = p.conn.SetReadDeadline(now.Add(p.pace.Idle))
	_ = p.conn.SetWriteDeadline(now.Add(p.pace.Idle + work + answering))
	return true
}

func (p *paced) read(b []byte) (int, error) {
	if p.waited > p.pace.Longest ||
		p.waited > p.pace.Grace && float64(p.came.Load()) < (p.waited-p.pace.Grace).Seconds()*float64(p.pace.Rate) {
		return 0, tooSlow()
	}
	now := time.Now()
	if !p.wait(now) {
		return 0, crowdedOut()
	}
	n, err := p.body.Read(b)
	p.waited += time.Since(now)
	p.came.Add(int64(n))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = tooSlow()
		if !p.wait(now) {
			err = crowdedOut()
		}
	}
	return n, err
}

// crowdedOut is the answer to a body that made room for others.
func crowdedOut() error {
	return problem.Unavailable("Many people are sending photos right now, and yours would have taken the longest. " +
		"Try again in a few minutes, or send fewer or smaller photos.")
}

func tooSlow() error {
	return problem.New(
		http.StatusRequestTimeout,
		"TOO_SLOW",
		"The photos arrived too slowly, so we closed the connection. Try again with fewer or smaller photos.",
	)
}
