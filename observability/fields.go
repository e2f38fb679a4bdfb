package observability

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// fieldsHandler brings all there is to say in a line into one flat record, so
// that the fields of the request stay at the top whatever groups a logger has
// opened.
type fieldsHandler struct {
	next   slog.Handler
	logger string
	ops    []fieldsOp // With and WithGroup, in order
}

// fieldsOp is a group that was opened, or attributes that were added.
type fieldsOp struct {
	group string
	attrs []slog.Attr
}

func (h *fieldsHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.next.Enabled(ctx, l)
}

func (h *fieldsHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	return h.with(fieldsOp{attrs: slices.Clone(attrs)})
}

func (h *fieldsHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(fieldsOp{group: name})
}

func (h *fieldsHandler) with(op fieldsOp) slog.Handler {
	return &fieldsHandler{h.next, h.logger, append(slices.Clip(h.ops), op)}
}

func (h *fieldsHandler) Handle(ctx context.Context, rec slog.Record) error {
	own := h.own(rec)
	logger := h.logger
	own = slices.DeleteFunc(own, func(a slog.Attr) bool {
		if a.Key == LoggerKey {
			logger = a.Value.String()
			return true
		}
		return false
	})

	when := rec.Time
	if when.IsZero() {
		when = time.Now()
	}
	out := slog.NewRecord(when, rec.Level, rec.Message, rec.PC)
	out.AddAttrs(slog.String(LoggerKey, logger))
	var fields [6]slog.Attr
	for _, f := range requestFields(ctx, fields[:0]) {
		if !slices.ContainsFunc(own, func(a slog.Attr) bool { return a.Key == f.Key }) {
			out.AddAttrs(f)
		}
	}
	out.AddAttrs(own...)
	return h.next.Handle(ctx, out)
}

// own returns the attributes of the logger and then of the record, groups nested,
// names distinct.
func (h *fieldsHandler) own(rec slog.Record) []slog.Attr {
	own := make([]slog.Attr, 0, rec.NumAttrs()+4)
	rec.Attrs(func(a slog.Attr) bool {
		own = append(own, a)
		return true
	})
	for _, op := range slices.Backward(h.ops) {
		switch {
		case op.group == "":
			own = append(slices.Clone(op.attrs), own...)
		case len(own) > 0:
			own = []slog.Attr{{Key: op.group, Value: slog.GroupValue(own...)}}
		}
	}
	return distinct(own, make([]slog.Attr, 0, len(own)))
}

// distinct appends attrs to out: groups without a name dissolved, empty
// attributes left out, reserved names changed, the last of one name kept.
func distinct(attrs, out []slog.Attr) []slog.Attr {
	for _, a := range attrs {
		a.Value = resolve(a.Value)
		if a.Key == "" {
			if a.Value.Kind() == slog.KindGroup {
				out = distinct(a.Value.Group(), out)
				continue
			}
			if a.Equal(slog.Attr{}) {
				continue
			}
		}
		switch a.Key {
		case slog.TimeKey, slog.MessageKey, slog.SourceKey, slog.LevelKey, "timestamp", "message":
			a.Key += "_"
		}
		if i := slices.IndexFunc(out, func(b slog.Attr) bool { return b.Key == a.Key }); i >= 0 {
			out[i] = a
			continue
		}
		out = append(out, a)
	}
	return out
}

// requestFields appends the fields of the request of ctx, null for what there
// is not.
func requestFields(ctx context.Context, fields []slog.Attr) []slog.Attr {
	info, _ := RequestFrom(ctx)
	fields = append(fields, orNull("request_id", info.ID), orNull("path", info.Path),
		orNull("method", info.Method), orNull("user_id", UserID(ctx)))
	if info.Trace.TraceID != "" {
		fields = append(fields, slog.String("trace_id", info.Trace.TraceID), slog.String("span_id", info.Trace.SpanID))
	}
	return fields
}

func orNull(key, value string) slog.Attr {
	if value == "" {
		return slog.Any(key, nil)
	}
	return slog.String(key, value)
}
