package observability

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/slogtest"
	"time"
)

// testLog returns a logger and a function that returns its lines so far.
func testLog(t *testing.T, c LogConfig) (*slog.Logger, func() []map[string]any) {
	t.Helper()
	var buf bytes.Buffer
	c.Writer = &buf
	h, err := NewLogHandler(c)
	if err != nil {
		t.Fatal(err)
	}
	return slog.New(h), func() []map[string]any {
		t.Helper()
		lines := []map[string]any{}
		for line := range strings.Lines(buf.String()) {
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			lines = append(lines, m)
		}
		return lines
	}
}

func TestLineHasTheFieldsOfTheContract(t *testing.T) {
	log, lines := testLog(t, LogConfig{})
	ctx := WithRequest(context.Background(), RequestInfo{ID: "r1", Path: "/checkout", Method: "POST",
		Trace: Trace{TraceID: "t1", SpanID: "s1"}})
	log.WarnContext(ctx, "first", "n", 1)
	if !SetUserID(ctx, "u7") {
		t.Fatal("SetUserID found no request")
	}
	Named(log, "refunds").With("a", 1).WithGroup("g").With("b", 2).WithGroup("h").ErrorContext(ctx, "second", "c", 3)
	log.Info("third")

	got := lines()
	want := []map[string]any{
		{"level": "WARNING", "message": "first", "logger": "returnkit", "request_id": "r1", "path": "/checkout",
			"method": "POST", "user_id": nil, "trace_id": "t1", "span_id": "s1", "n": 1.0},
		{"level": "ERROR", "message": "second", "logger": "refunds", "request_id": "r1", "path": "/checkout",
			"method": "POST", "user_id": "u7", "trace_id": "t1", "span_id": "s1", "a": 1.0,
			"g": map[string]any{"b": 2.0, "h": map[string]any{"c": 3.0}}},
		{
			"level":      "INFO",
			"message":    "third",
			"logger":     "returnkit",
			"request_id": nil,
			"path":       nil,
			"method":     nil,
			"user_id":    nil,
		},
	}
	for i := range want {
		stamp, _ := got[i]["timestamp"].(string)
		if at, err := time.Parse("2006-01-02T15:04:05.000Z", stamp); err != nil || time.Since(at).Abs() > time.Hour {
			t.Errorf("line %d: timestamp %q", i, stamp)
		}
		delete(got[i], "timestamp")
		if g, w := asJSON(t, got[i]), asJSON(t, want[i]); g != w {
			t.Errorf("line %d\n = %s\nwant %s", i, g, w)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestTextIsForPeople(t *testing.T) {
	var text, file bytes.Buffer
	h, err := NewLogHandler(LogConfig{Writer: &text, Text: true, File: &file})
	if err != nil {
		t.Fatal(err)
	}
	Named(slog.New(h), "payments").Warn("circuit opened", "failures", 5, "password", "hunter2hunter2")
	line := text.String()
	for _, want := range []string{"time=", " level=WARNING ", `msg="circuit opened"`, "logger=payments", "failures=5"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %q in %s", want, line)
		}
	}
	if strings.Contains(line, "request_id") || strings.Contains(line, "hunter2") || json.Valid([]byte(line)) {
		t.Errorf("nulls, secrets or JSON in %s", line)
	}
	if !json.Valid(file.Bytes()) {
		t.Errorf("the file is no JSON: %s", file.String())
	}
}

func TestOwnFieldsNeverHideTheLines(t *testing.T) {
	var buf bytes.Buffer
	h, err := NewLogHandler(LogConfig{Writer: &buf})
	if err != nil {
		t.Fatal(err)
	}
	ctx := WithRequest(context.Background(), RequestInfo{ID: "r1", Path: "/p"})
	slog.New(h).With("k", 1).
		InfoContext(ctx, "m", "time", 1, "msg", 2, "level", 3, "timestamp", 4, "message", 5,
			"source", 6, "path", "/own", "k", 2,
			slog.Group("", slog.Int("level", 7), slog.Int("in", 8)))
	line := buf.String()
	for _, part := range []string{`"level":"INFO"`, `"message":"m"`, `"time_":1`, `"msg_":2`, `"level_":7`,
		`"timestamp_":4`,
		`"message_":5`, `"source_":6`, `"path":"/own"`, `"k":2`, `"in":8`, `"request_id":"r1"`} {
		if !strings.Contains(line, part) {
			t.Errorf("%s lacks %s", line, part)
		}
	}
	for _, key := range []string{`"path":`, `"k":`, `"level":`, `"level_":`} {
		if n := strings.Count(line, key); n != 1 {
			t.Errorf("%s %d times in %s", key, n, line)
		}
	}
}

func TestLogHidesSecretsFromAllSinks(t *testing.T) {
	var file bytes.Buffer
	m := testMetrics(t, MetricsConfig{})
	log, lines := testLog(t, LogConfig{File: &file, Events: m})
	log.With("password", "hunter2").Error("card 4111111111111111", EventKey, "refund_failed", "err",
		errors.New("token=hunter2"))
	all := asJSON(t, lines()) + file.String() + asJSON(t, m.Snapshot())
	if holdsSecret(all) {
		t.Errorf("secrets in %s", all)
	}
	if strings.Count(all, redacted) < 8 {
		t.Errorf("a sink is missing in %s", all)
	}
}

func TestFlaggedRecordsBecomeEvents(t *testing.T) {
	m := testMetrics(t, MetricsConfig{})
	log, lines := testLog(t, LogConfig{Events: m, Level: slog.LevelWarn})
	log.With("event", "refund_failed").Info("refund failed", "refund_id", "r1", slog.Group("g", "n", 1))
	log.Error("no event")
	log.Debug("too low", "event", "e")
	events := m.events()
	if len(events) != 1 || events[0].Name != "refund_failed" ||
		asJSON(t, events[0].Payload) != `{"g":{"n":1},"refund_id":"r1"}` {
		t.Errorf("events = %s", asJSON(t, events))
	}
	if got := lines(); len(got) != 1 || got[0]["message"] != "no event" {
		t.Errorf("lines = %v: the level of the lines is WARNING", got)
	}
}

func TestAFileThatFailsDoesNotStopTheLog(t *testing.T) {
	log, lines := testLog(t, LogConfig{File: failing{}})
	log.Info("m")
	if len(lines()) != 1 {
		t.Error("the line is missing")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestLogHandlerNeedsAWriter(t *testing.T) {
	if _, err := NewLogHandler(LogConfig{}); err == nil || !strings.Contains(err.Error(), "Writer") {
		t.Errorf("error = %v", err)
	}
}

// slogtest knows what a handler owes to slog.
func TestRedactHandlerKeepsSlogsRules(t *testing.T) {
	var buf bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		buf.Reset()
		return NewRedactHandler(NewSampleHandler(slog.NewJSONHandler(&buf, nil), SampleConfig{First: 100}), nil)
	}, func(t *testing.T) map[string]any {
		var m map[string]any
		if err := json.Unmarshal(buf.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		return m
	})
}

func TestSamplingOfRepeatedLines(t *testing.T) {
	now := testTime
	log, lines := testLog(t, LogConfig{Sample: SampleConfig{First: 3, Now: func() time.Time { return now }}})
	for i := range 10 {
		log.With("i", i).Warn("again")
	}
	log.Warn("other")
	log.Error("again")
	log.Warn("again", "event", "always")
	now = now.Add(time.Second)
	log.Warn("again")
	log.Warn("again")

	got := lines()
	if len(got) != 8 {
		t.Fatalf("%d lines, want 3 + 3 others + 2", len(got))
	}
	if got[6]["suppressed"] != 7.0 || got[7]["suppressed"] != nil {
		t.Errorf("suppressed = %v, then %v, want 7, then none", got[6]["suppressed"], got[7]["suppressed"])
	}
}

func TestSamplerMemoryIsBounded(t *testing.T) {
	now := testTime
	h := NewSampleHandler(slog.DiscardHandler, SampleConfig{
		First: 1, Now: func() time.Time { return now },
	}).(*sampleHandler)
	for i := range 3 * maxSampled {
		if _, ok := h.s.pass(sampleKey{0, strings.Repeat("x", i%97) + time.Duration(i).String()}); !ok {
			t.Fatal("a new message was dropped")
		}
	}
	if n := len(h.s.seen); n > maxSampled {
		t.Errorf("%d messages are remembered, want at most %d", n, maxSampled)
	}
	now = now.Add(time.Second)
	h.s.pass(sampleKey{0, "new"})
	if n := len(h.s.seen); n != 1 {
		t.Errorf("%d messages are remembered after the interval, want 1", n)
	}
}

func TestAccessLog(t *testing.T) {
	log, lines := testLog(t, LogConfig{Level: slog.LevelDebug})
	h := RequestID(AccessLog(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		SetUserID(r.Context(), "u1")
		switch r.URL.Path {
		case "/panic":
			panic(http.ErrAbortHandler)
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte("hello"))
	}), log, func(r *http.Request) bool { return r.URL.Path == "/health" }))
	for _, path := range []string{"/ok?token=x", "/missing", "/health", "/panic"} {
		func() {
			defer func() { _ = recover() }()
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		}()
	}
	got := lines()
	for i, want := range []struct {
		path, level string
		status      float64
	}{{"/ok", "INFO", 200}, {"/missing", "INFO", 404}, {"/health", "DEBUG", 200}, {"/panic", "ERROR", 500}} {
		l := got[i]
		if l["path"] != want.path || l["level"] != want.level || l["status"] != want.status || l["user_id"] != "u1" ||
			l["duration_ms"] == nil {
			t.Errorf("line %d = %v, want %v", i, l, want)
		}
	}
	if got[0]["bytes"] != 5.0 {
		t.Errorf("bytes = %v, want 5", got[0]["bytes"])
	}
}

func BenchmarkLogLine(b *testing.B) {
	h, err := NewLogHandler(LogConfig{Writer: discard{}})
	if err != nil {
		b.Fatal(err)
	}
	log := Named(slog.New(h), "orders")
	ctx := WithRequest(context.Background(), RequestInfo{ID: newUUID(), Path: "/checkout", Method: "POST"})
	b.ReportAllocs()
	for b.Loop() {
		log.InfoContext(ctx, "order completed", "order_id", "0190a5d4-7b1c-7c3d-8e4f-123456789012", "lines", 3)
	}
}
