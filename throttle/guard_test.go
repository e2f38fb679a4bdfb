package throttle

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// limiterFunc is a limiter for tests.
type limiterFunc func(ctx context.Context, key string, cost int64) (Decision, error)

func (f limiterFunc) Take(ctx context.Context, key string, cost int64) (Decision, error) {
	return f(ctx, key, cost)
}
func (limiterFunc) Limit() Limit { return PerSecond(10, 5) }

var errLost = errors.New("connection to the store lost")

func mustGuard(tb testing.TB, cfg GuardConfig) *Guard {
	tb.Helper()
	g, err := NewGuard(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func TestGuardVerdicts(t *testing.T) {
	allow := limiterFunc(func(context.Context, string, int64) (Decision, error) { return Decision{Allowed: true}, nil })
	refuse := limiterFunc(func(context.Context, string, int64) (Decision, error) {
		return Decision{RetryAfter: 1}, nil
	})
	costly := limiterFunc(func(_ context.Context, _ string, cost int64) (Decision, error) {
		return Decision{}, &CostError{cost, 5}
	})
	zero := limiterFunc(new(Keyed).Take)
	lost := limiterFunc(func(context.Context, string, int64) (Decision, error) { return Decision{}, errLost })
	tests := []struct {
		name   string
		cfg    GuardConfig
		pass   bool
		result Result
	}{
		{"what is allowed passes", GuardConfig{Limiter: allow, OnFailure: FailClosed}, true, Admitted},
		{"what is refused does not", GuardConfig{Limiter: refuse, OnFailure: FailOpen}, false, Refused},
		{"a cost above the burst is no failure that opens", GuardConfig{Limiter: costly, OnFailure: FailOpen}, false,
			RefusedCost},
		{"a zero value never opens", GuardConfig{Limiter: zero, OnFailure: FailOpen}, false, FailedClosed},
		{"a failure opens where it was said", GuardConfig{Limiter: lost, OnFailure: FailOpen}, true, FailedOpen},
		{"a failure closes where it was said", GuardConfig{Limiter: lost, OnFailure: FailClosed}, false, FailedClosed},
		{"record-only lets a refusal pass and names it",
			GuardConfig{Limiter: refuse, OnFailure: FailOpen, RecordOnly: true}, true, Refused},
		{"record-only lets a failure pass and names it",
			GuardConfig{Limiter: lost, OnFailure: FailClosed, RecordOnly: true}, true, FailedClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var seen []Verdict
			tt.cfg.Observe = func(v Verdict) { seen = append(seen, v) }
			v := mustGuard(t, tt.cfg).Check(context.Background(), "a", 7)
			if v.Pass != tt.pass || v.Result != tt.result || v.Key != "a" || v.Cost != 7 {
				t.Errorf("verdict %+v, want %v, %v", v, tt.pass, tt.result)
			}
			if len(seen) != 1 || seen[0] != v {
				t.Errorf("observed %+v, want the verdict once", seen)
			}
		})
	}
}

func TestGuardGivesTheLimiterItsTimeAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := limiterFunc(func(ctx context.Context, _ string, _ int64) (Decision, error) {
			<-ctx.Done()
			return Decision{}, ctx.Err()
		})
		g := mustGuard(t, GuardConfig{Limiter: hangs, OnFailure: FailOpen, Budget: 15 * time.Millisecond})
		start := time.Now()
		if v := g.Check(context.Background(), "a", 1); v.Result != FailedOpen || time.Since(start) != ms(15) {
			t.Errorf("%+v after %v, want failed_open after 15ms", v, time.Since(start))
		}
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(ms(5), cancel)
		start = time.Now()
		if v := g.Check(ctx, "a", 1); v.Pass || v.Result != Canceled || time.Since(start) != ms(5) {
			t.Errorf("%+v after %v, want canceled after 5ms", v, time.Since(start))
		}
	})
}

func TestGuardSettingsAreChecked(t *testing.T) {
	l := mustSingle(t, PerSecond(1, 1))
	for _, cfg := range []GuardConfig{
		{OnFailure: FailOpen}, {Limiter: l}, {Limiter: new(Single), OnFailure: FailOpen},
		{Limiter: l, OnFailure: 3}, {Limiter: l, OnFailure: FailOpen, Budget: -1},
	} {
		if _, err := NewGuard(cfg); err == nil {
			t.Errorf("NewGuard(%+v) gives no error", cfg)
		}
	}
}

func TestAReservationIsGivenBackOnce(t *testing.T) {
	ctx := t.Context()
	l := mustSingle(t, Limit{Count: 1, Per: time.Hour, Burst: 2})
	g := mustGuard(t, GuardConfig{Limiter: l, OnFailure: FailClosed, Budget: time.Second})
	first, second := g.Reserve(ctx, "", 1), g.Reserve(ctx, "", 1)
	refused := g.Reserve(ctx, "", 1)
	if !first.Pass || !second.Pass || refused.Pass {
		t.Fatalf("%+v, %+v, %+v", first.Verdict, second.Verdict, refused.Verdict)
	}
	ended, end := context.WithCancel(ctx)
	end()
	for _, r := range []*Reservation{refused, first, first, new(Reservation)} {
		if err := r.GiveBack(ended); err != nil {
			t.Error(err)
		}
	}
	if d, err := l.Take(ctx, "", 0); d.Remaining != 1 || err != nil {
		t.Errorf("%+v, %v, want the one that was given back", d, err)
	}
	plain := mustGuard(t, GuardConfig{Limiter: limiterFunc(l.Take), OnFailure: FailClosed})
	if err := plain.Reserve(ctx, "", 1).GiveBack(ctx); err != nil {
		t.Errorf("a limiter that takes nothing back: %v", err)
	}
}
