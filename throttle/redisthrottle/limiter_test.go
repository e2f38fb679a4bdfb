package redisthrottle_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/returnkit/returnkit/internal/redistest"
	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/redisthrottle"
	"github.com/returnkit/returnkit/throttle/throttletest"
)

func dial(tb testing.TB, url string) rueidis.Client {
	tb.Helper()
	client, err := redisthrottle.Dial(url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.Close)
	return client
}

func newLimiter(tb testing.TB, client rueidis.Client, limit throttle.Limit) *redisthrottle.Limiter {
	tb.Helper()
	l, err := redisthrottle.New(client, "test:", limit)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// opener makes limiters whose clock the test sets, each under its own prefix.
func opener(client rueidis.Client) throttletest.Open {
	n := 0
	return func(t *testing.T, l throttle.Limit) throttletest.Take {
		n++
		take, err := redisthrottle.NewClocked(client, fmt.Sprint("clocked:", n, ":"), l)
		if err != nil {
			t.Fatal(err)
		}
		return func(at time.Duration, key string, cost int64) (throttle.Decision, error) {
			return take(epoch.Add(at), key, cost)
		}
	}
}

func TestLimiterConforms(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	throttletest.Steps(t, opener(dial(t, server.URL())))
	throttletest.Law(t, 10_000, newLimiter(t, dial(t, server.URL()), throttle.PerSecond(100, 20)))
}

// TestServerClockDecides has the same steps happen in the server's own time.
func TestServerClockDecides(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.Start(t).URL())
	l := newLimiter(t, client, throttle.Limit{Count: 1, Per: time.Hour, Burst: 2})
	for i, want := range []bool{true, true, false} {
		d, err := l.Take(t.Context(), "a", 1)
		if err != nil || d.Allowed != want || d.Limit != 2 {
			t.Errorf("take %d: %+v, %v", i, d, err)
		}
		if left := 2*time.Hour - d.ResetAfter; i == 2 && (left < 0 || left > time.Minute) {
			t.Errorf("reset after %v, want nearly 2h", d.ResetAfter)
		}
	}
	// One integer, which expires when it says nothing any more.
	value, err := client.Do(t.Context(), client.B().Get().Key("test:a").Build()).ToString()
	if err != nil {
		t.Fatal(err)
	}
	tat, err := strconv.ParseInt(value, 10, 64)
	if until := time.Until(time.Unix(0, tat)); err != nil || until < 119*time.Minute || until > 121*time.Minute {
		t.Errorf("kept is %q, %v from now, %v", value, until, err)
	}
	ttl, err := client.Do(t.Context(), client.B().Pttl().Key("test:a").Build()).AsInt64()
	if left := time.Until(time.Unix(0, tat)); err != nil || time.Duration(ttl)*time.Millisecond < left ||
		ttl > int64(2*time.Hour/time.Millisecond)+2 {
		t.Errorf("it expires in %d ms and is of use for %v, %v", ttl, left, err)
	}
	encoding, err := client.Do(t.Context(), client.B().ObjectEncoding().Key("test:a").Build()).ToString()
	if encoding != "int" {
		t.Errorf("it is stored as %q, %v", encoding, err)
	}
}

func TestAServerClockThatJumpsBackLocksNobodyOut(t *testing.T) {
	t.Parallel()
	take := opener(dial(t, redistest.Start(t).URL()))(t, throttle.PerSecond(10, 3))
	for i, step := range []struct {
		at      time.Duration
		allowed bool
		retry   time.Duration
	}{
		{time.Hour, true, 0},
		{0, false, 100 * time.Millisecond}, // as good as empty
		{100 * time.Millisecond, true, 0},
		{100 * time.Millisecond, false, 100 * time.Millisecond},
		{300 * time.Millisecond, true, 0},
	} {
		d, err := take(step.at, "a", 1)
		if err != nil || d.Allowed != step.allowed || d.RetryAfter != step.retry {
			t.Errorf("step %d at %v: %+v, %v", i, step.at, d, err)
		}
	}
}

func TestAForgottenScriptIsLoadedAgain(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.Start(t).URL())
	l := newLimiter(t, client, throttle.Limit{Count: 1, Per: time.Hour, Burst: 5})
	for want := int64(4); want >= 2; want-- {
		d, err := l.Take(t.Context(), "a", 1)
		if err != nil || !d.Allowed || d.Remaining != want {
			t.Errorf("%+v, %v, want %d remaining", d, err, want)
		}
		if err := client.Do(t.Context(), client.B().ScriptFlush().Sync().Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADecisionIsOneCommand(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.Start(t).URL())
	l := newLimiter(t, client, throttle.PerSecond(1, 1))
	if _, err := l.Take(t.Context(), "a", 1); err != nil { // loads the script
		t.Fatal(err)
	}
	commands := func() (evalsha, eval int) {
		info, err := client.Do(t.Context(), client.B().Info().Section("commandstats").Build()).ToString()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(info) {
			_, _ = fmt.Sscanf(line, "cmdstat_evalsha:calls=%d,", &evalsha)
			_, _ = fmt.Sscanf(line, "cmdstat_eval:calls=%d,", &eval)
		}
		return evalsha, eval
	}
	sha, full := commands()
	for range 100 {
		if _, err := l.Take(t.Context(), "a", 1); err != nil {
			t.Fatal(err)
		}
	}
	if sha2, full2 := commands(); sha2-sha != 100 || full2 != full {
		t.Errorf("100 decisions sent %d EVALSHA and %d EVAL", sha2-sha, full2-full)
	}
}

func TestAForeignValueIsAnErrorAndNoDecision(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.Start(t).URL())
	l := newLimiter(t, client, throttle.PerSecond(1, 1))
	if err := client.Do(t.Context(), client.B().Set().Key("test:a").Value("not ours").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if d, err := l.Take(t.Context(), "a", 1); err == nil || d.Allowed || errors.Is(err, throttle.ErrCost) {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	// A client that never connects is enough.
	client := dial(t, "unix:///nonexistent/redis.sock")
	second := throttle.PerSecond(1, 1)
	for _, tt := range []struct {
		client rueidis.Client
		prefix string
		limit  throttle.Limit
		want   string
	}{
		{nil, "a", second, "client is nil"},
		{client, "", second, "prefix is empty"},
		{client, "a", throttle.Limit{}, "Limit.Per is 0s"},
		{client, "a", throttle.Limit{Count: 1, Per: 24 * time.Hour, Burst: 101}, "allowed is up to 2400h"},
	} {
		if _, err := redisthrottle.New(tt.client, tt.prefix, tt.limit); err == nil ||
			!strings.Contains(err.Error(), tt.want) {
			t.Errorf("New(%q, %v): %v, want it to say %q", tt.prefix, tt.limit, err, tt.want)
		}
	}
	for _, url := range []string{"", "http://secret@x", "redis://:secret@x/y/z", "redis://:secret@host:port:x"} {
		if _, err := redisthrottle.Dial(url); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("Dial(%q): %v", url, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newLimiter(t, client, second).Take(ended, "a", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

func TestAWrongPasswordIsAnErrorAtOnce(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := dial(t, server.URL())
	do(t, client, "CONFIG", "SET", "requirepass", "right")
	if _, err := redisthrottle.Dial("unix://:wrong@" + server.Socket()); err == nil ||
		strings.Contains(err.Error(), "wrong@") {
		t.Errorf("a wrong password: %v", err)
	}
	ok := dial(t, "unix://:right@"+server.Socket())
	if d, err := newLimiter(t, ok, throttle.PerSecond(1, 1)).Take(t.Context(), "a", 1); err != nil || !d.Allowed {
		t.Errorf("the right password: %+v, %v", d, err)
	}
}
