package observability

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestRequestID(t *testing.T) {
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	tests := []struct {
		name  string
		given []string
		taken bool
	}{
		{"none", nil, false},
		{"well-formed", []string{"abc-DEF_1.2"}, true},
		{"the longest", []string{strings.Repeat("a", 64)}, true},
		{"too long", []string{strings.Repeat("a", 65)}, false},
		{"empty", []string{""}, false},
		{"a space", []string{"a b"}, false},
		{"a line break", []string{"a\nb"}, false},
		{"a quote", []string{`a"b`}, false},
		{"not ASCII", []string{"ä"}, false},
		{"two", []string{"a", "b"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var inside RequestInfo
			h := RequestID(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				inside, _ = RequestFrom(r.Context())
			}))
			r := httptest.NewRequest("PUT", "/a/b?c=d", nil)
			r.Header["X-Request-Id"] = tt.given
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			got := w.Header().Get("X-Request-ID")
			if got != inside.ID {
				t.Errorf("sent back %q, inside it was %q", got, inside.ID)
			}
			if tt.taken && got != tt.given[0] || !tt.taken && !uuid.MatchString(got) {
				t.Errorf("id = %q, given %q", got, tt.given)
			}
			if inside.Path != "/a/b" || inside.Method != "PUT" || inside.Trace.TraceID == "" {
				t.Errorf("request = %+v", inside)
			}
		})
	}
}

func TestUserOutsideOfARequest(t *testing.T) {
	if SetUserID(context.Background(), "u") || UserID(context.Background()) != "" {
		t.Error("a user was set without a request")
	}
}

func TestParseTraceparent(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	tests := map[string]bool{
		good:                               true,
		good + "-more":                     false,
		"cc" + good[2:] + "-more":          true,
		"cc" + good[2:] + "more":           false,
		"ff" + good[2:]:                    false,
		good[:54]:                          false,
		"":                                 false,
		strings.ToUpper(good):              false,
		strings.Replace(good, "-", "_", 1): false,
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": false,
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01": false,
		"00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01": false,
	}
	for in, want := range tests {
		id, parent, flags, ok := parseTraceparent(in)
		if ok != want {
			t.Errorf("ParseTraceparent(%q) ok = %v, want %v", in, ok, want)
		}
		if ok && (id != good[3:35] || parent != good[36:52] || flags != "01") {
			t.Errorf("ParseTraceparent(%q) = %s, %s, %s", in, id, parent, flags)
		}
	}
}

func TestTraceGoesOnToTheProvider(t *testing.T) {
	var got http.Header
	provider := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer provider.Close()
	client := &http.Client{Transport: TraceTransport(nil)}
	call := func(ctx context.Context, own string) {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, "GET", provider.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if own != "" {
			r.Header.Set("traceparent", own)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if own == "" && r.Header.Get("traceparent") != "" {
			t.Error("the caller's request was changed")
		}
	}
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	in := http.Header{"Traceparent": {parent}, "Tracestate": {"a=1", "b=2"}}
	trace := traceFrom(in)
	if trace.ParentID != "b7ad6b7169203331" || trace.SpanID == trace.ParentID {
		t.Errorf("trace = %+v: the caller's span is the parent", trace)
	}
	call(WithRequest(context.Background(), RequestInfo{ID: "r1", Trace: trace}), "")
	if want := "00-0af7651916cd43dd8448eb211c80319c-" + trace.SpanID + "-01"; got.Get("traceparent") != want ||
		got.Get("tracestate") != "a=1,b=2" {
		t.Errorf("provider got %v, want %s", got, want)
	}
	if got.Get("X-Request-ID") != "" {
		t.Error("the request id went outside")
	}
	call(context.Background(), "")
	if got.Get("traceparent") != "" {
		t.Error("a trace without a request")
	}
	call(WithRequest(context.Background(), RequestInfo{Trace: trace}), parent)
	if got.Get("traceparent") != parent {
		t.Error("the request's own trace was replaced")
	}
}

func TestTraceBeginsWhereNoneIsWellFormed(t *testing.T) {
	for _, given := range [][]string{nil, {"nonsense"}, {"", ""}} {
		trace := traceFrom(http.Header{"Traceparent": given, "Tracestate": {"a=1"}})
		if _, _, flags, ok := parseTraceparent(trace.Traceparent()); !ok || flags != "00" || trace.ParentID != "" ||
			trace.State != "" {
			t.Errorf("%q: %+v", given, trace)
		}
	}
	long := http.Header{
		"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		"Tracestate":  {strings.Repeat("x", 513)},
	}
	if traceFrom(long).State != "" {
		t.Error("an overlong tracestate was kept")
	}
}

func FuzzParseTraceparent(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Fuzz(func(t *testing.T, s string) {
		id, parent, flags, ok := parseTraceparent(s)
		if !ok {
			return
		}
		if _, _, _, again := parseTraceparent("00-" + id + "-" + parent + "-" + flags); !again {
			t.Errorf("%q gives %s %s %s, which is not well-formed", s, id, parent, flags)
		}
	})
}
