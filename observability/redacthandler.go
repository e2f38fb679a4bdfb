package observability

import (
	"context"
	"log/slog"
)

// redactHandler takes secrets out of what it passes on.
type redactHandler struct {
	next   slog.Handler
	r      *Redactor
	hidden bool // inside a group whose name is sensitive
}

// NewRedactHandler returns a handler that passes records on to next without
// secrets: in message, keys, values and nested groups, attributes of With and
// WithGroup included. r nil means NewRedactor(RedactConfig{}). As a stage of a
// slog-multi pipe: func(h slog.Handler) slog.Handler { return
// NewRedactHandler(h, r) }.
func NewRedactHandler(next slog.Handler, r *Redactor) slog.Handler {
	if r == nil {
		r = NewRedactor(RedactConfig{})
	}
	return &redactHandler{next: next, r: r}
}

func (h *redactHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.next.Enabled(ctx, l)
}

func (h *redactHandler) Handle(ctx context.Context, rec slog.Record) error {
	out := slog.NewRecord(rec.Time, rec.Level, h.r.String(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, out)
}

func (h *redactHandler) attr(a slog.Attr) slog.Attr {
	if h.hidden {
		return slog.String(h.r.String(a.Key), redacted)
	}
	return h.r.attr(a)
}

func (h *redactHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = h.attr(a)
	}
	return &redactHandler{h.next.WithAttrs(out), h.r, h.hidden}
}

func (h *redactHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &redactHandler{h.next.WithGroup(h.r.String(name)), h.r, h.hidden || h.r.sensitive(name)}
}
