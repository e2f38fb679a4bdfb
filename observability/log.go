package observability

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	slogmulti "github.com/samber/slog-multi"
)

// LogConfig says how a log looks and where it goes.
type LogConfig struct {
	// Writer gets one JSON object per line; required. Lines are written
	// whole, one at a time.
	Writer io.Writer
	// Text writes lines for people to Writer instead of JSON: for a terminal.
	// Fields that are null are left out.
	Text bool
	// File gets the JSON lines when it is not nil. The caller opens, rotates
	// and closes it; when it fails, Writer is served all the same.
	File io.Writer
	// Level is the lowest level that is logged, slog.LevelInfo when nil.
	Level slog.Leveler
	// Logger is the field "logger" of lines that name none, see [Named];
	// "returnkit" when empty.
	Logger string
	// Redactor takes secrets out; nil means NewRedactor(RedactConfig{}).
	Redactor *Redactor
	// Sample drops repeated lines; the zero value drops none.
	Sample SampleConfig
	// Events gets the records with an attribute "event" as events of that
	// name, their other attributes as payload, from level INFO on. nil means
	// none.
	Events *Metrics
}

// Keys of attributes with a meaning of their own.
const (
	LoggerKey = "logger" // names the part of the program, see Named
	EventKey  = "event"  // makes the record an event of this name
)

// Named returns l with its lines' field "logger" set to name.
func Named(l *slog.Logger, name string) *slog.Logger { return l.With(LoggerKey, name) }

// NewLogHandler returns the handler of a log. Each line is a JSON object with
// the fields timestamp (RFC 3339, UTC, milliseconds), level (DEBUG, INFO,
// WARNING, ERROR), message, logger, request_id, path, method, user_id, in a
// trace trace_id and span_id, and the record's own. The four of the request
// come from the context ([WithRequest]) and are null outside of one; an own
// attribute of that name wins. Own attributes named like the first four, or
// time, msg or source, get a "_" at the end. Of own attributes with one name
// the last wins.
//
// It fails when Writer is missing.
func NewLogHandler(c LogConfig) (slog.Handler, error) {
	if c.Writer == nil {
		return nil, errors.New("log handler: Writer is nil, give one, such as os.Stdout")
	}
	if c.Level == nil {
		c.Level = slog.LevelInfo
	}
	if c.Logger == "" {
		c.Logger = "returnkit"
	}
	if c.Redactor == nil {
		c.Redactor = NewRedactor(RedactConfig{})
	}
	sinks := []slog.Handler{newLineHandler(c.Writer, c.Level)}
	if c.Text {
		sinks[0] = newTextHandler(c.Writer, c.Level)
	}
	if c.File != nil {
		sinks = append(sinks, newLineHandler(c.File, c.Level))
	}
	if c.Events != nil {
		sinks = append(sinks, eventSink{c.Events})
	}
	return slogmulti.Pipe(
		// Repeated lines go first, so that they cost nothing more; secrets
		// last, so that no stage can bring one back.
		func(h slog.Handler) slog.Handler { return NewSampleHandler(h, c.Sample) },
		func(h slog.Handler) slog.Handler { return &fieldsHandler{next: h, logger: c.Logger} },
		func(h slog.Handler) slog.Handler { return NewRedactHandler(h, c.Redactor) },
	).Handler(slogmulti.Fanout(sinks...)), nil
}

// newLineHandler writes JSON lines with our names for slog's own fields.
func newLineHandler(w io.Writer, level slog.Leveler) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) > 0 {
				return a
			}
			switch a.Key { // only slog's own: fieldsHandler renames others
			case slog.TimeKey:
				return slog.String("timestamp", a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
			case slog.LevelKey:
				if level, ok := a.Value.Any().(slog.Level); ok {
					return slog.String("level", levelWord(level))
				}
			case slog.MessageKey:
				return slog.Attr{Key: "message", Value: a.Value}
			}
			return a
		},
	})
}

// newTextHandler writes lines of key=value for people, who know the day.
func newTextHandler(w io.Writer, level slog.Leveler) slog.Handler {
	return slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			switch {
			case a.Value.Kind() == slog.KindAny && a.Value.Any() == nil:
				return slog.Attr{}
			case len(groups) == 0 && a.Key == slog.TimeKey:
				return slog.String(slog.TimeKey, a.Value.Time().Format("15:04:05.000"))
			case len(groups) == 0 && a.Key == slog.LevelKey:
				if level, ok := a.Value.Any().(slog.Level); ok {
					return slog.String(slog.LevelKey, levelWord(level))
				}
			}
			return a
		},
	})
}

func levelWord(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "DEBUG"
	case l < slog.LevelWarn:
		return "INFO"
	case l < slog.LevelError:
		return "WARNING"
	}
	return "ERROR"
}

// eventSink adds the records that are events to the ring.
type eventSink struct{ m *Metrics }

func (eventSink) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

func (e eventSink) Handle(_ context.Context, rec slog.Record) error {
	name := ""
	payload := map[string]any{}
	rec.Attrs(func(a slog.Attr) bool {
		switch {
		case a.Key == EventKey:
			name = a.Value.String()
		case a.Key != LoggerKey && !a.Value.Equal(slog.Value{}):
			payload[a.Key] = a.Value
		}
		return true
	})
	if name != "" {
		e.m.countEvent(name, payload)
	}
	return nil
}

// fieldsHandler comes before it and flattens attributes and groups.
func (e eventSink) WithAttrs([]slog.Attr) slog.Handler { return e }
func (e eventSink) WithGroup(string) slog.Handler      { return e }

// AccessLog logs each request after next has answered it: status, bytes and
// duration_ms, at level ERROR for 5xx and a panic, INFO for others, DEBUG for
// those that quiet picks (health checks, say; nil picks none). It belongs
// inside [RequestID].
func AccessLog(next http.Handler, log *slog.Logger, quiet func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := newRecorder(w)
		returned := false
		defer func() {
			status := rec.final(returned)
			level := slog.LevelInfo
			switch {
			case status >= 500:
				level = slog.LevelError
			case quiet != nil && quiet(r):
				level = slog.LevelDebug
			}
			log.LogAttrs(r.Context(), level, "request",
				slog.Int("status", status), slog.Int64("bytes", rec.bytes),
				slog.Float64("duration_ms", inUnit(time.Since(start), time.Millisecond)))
		}()
		next.ServeHTTP(rec, r)
		returned = true
	})
}
