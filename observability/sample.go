package observability

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// SampleConfig bounds how often one message is logged. The zero value lets
// everything pass.
type SampleConfig struct {
	// First is how many lines of one message and level pass in an Interval;
	// 0 means all. The next that passes after more were dropped says how many
	// in its attribute "suppressed".
	First int
	// Interval is 1 s when 0.
	Interval time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// maxSampled bounds the memory of a sampler. Messages beyond it pass.
const maxSampled = 4096

type sampleKey struct {
	level   slog.Level
	message string
}

type sampleCount struct {
	start      time.Time // of the interval
	passed     int
	suppressed int
}

// sampler counts the lines of each message; handlers that come from one share
// it.
type sampler struct {
	SampleConfig
	mu   sync.Mutex
	seen map[sampleKey]*sampleCount
}

// pass reports whether a line may go, and how many before it could not.
func (s *sampler) pass(k sampleKey) (suppressed int, ok bool) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.seen[k]
	if c == nil {
		if len(s.seen) >= maxSampled {
			s.forget(now)
		}
		if len(s.seen) >= maxSampled {
			return 0, true
		}
		c = &sampleCount{start: now}
		s.seen[k] = c
	}
	if age := now.Sub(c.start); age >= s.Interval || age < 0 {
		suppressed = c.suppressed
		*c = sampleCount{start: now}
	}
	if c.passed >= s.First {
		c.suppressed++
		return 0, false
	}
	c.passed++
	return suppressed, true
}

// forget drops the messages whose interval is over and that owe no count.
func (s *sampler) forget(now time.Time) {
	for k, c := range s.seen {
		if now.Sub(c.start) >= s.Interval && c.suppressed == 0 {
			delete(s.seen, k)
		}
	}
}

type sampleHandler struct {
	next slog.Handler
	s    *sampler
}

// NewSampleHandler returns a handler that passes on to next at most c.First
// lines of one message and level in an interval. Records with an attribute
// "event" always pass. Messages should therefore be constants, with what
// varies in attributes.
func NewSampleHandler(next slog.Handler, c SampleConfig) slog.Handler {
	if c.First <= 0 {
		return next
	}
	if c.Interval <= 0 {
		c.Interval = time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &sampleHandler{next, &sampler{SampleConfig: c, seen: map[sampleKey]*sampleCount{}}}
}

func (h *sampleHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.next.Enabled(ctx, l)
}

func (h *sampleHandler) Handle(ctx context.Context, rec slog.Record) error {
	isEvent := false
	rec.Attrs(func(a slog.Attr) bool {
		isEvent = a.Key == EventKey
		return !isEvent
	})
	if !isEvent {
		n, ok := h.s.pass(sampleKey{rec.Level, rec.Message})
		if !ok {
			return nil
		}
		if n > 0 {
			rec = rec.Clone()
			rec.AddAttrs(slog.Int("suppressed", n))
		}
	}
	return h.next.Handle(ctx, rec)
}

func (h *sampleHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &sampleHandler{h.next.WithAttrs(attrs), h.s}
}

func (h *sampleHandler) WithGroup(name string) slog.Handler {
	return &sampleHandler{h.next.WithGroup(name), h.s}
}
