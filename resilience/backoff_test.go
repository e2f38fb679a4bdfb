package resilience

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoffWaits(t *testing.T) {
	exact := Spread(0)
	tests := []struct {
		name string
		b    Backoff
		want []time.Duration
	}{
		{"the zero value doubles from 100 ms", Backoff{Jitter: exact},
			[]time.Duration{ms(100), ms(200), ms(400), ms(800)}},
		{"threefold up to a limit that is no power",
			Backoff{Initial: time.Second, Factor: 3, Max: 20 * time.Second, Jitter: exact},
			[]time.Duration{time.Second, 3 * time.Second, 9 * time.Second, 20 * time.Second, 20 * time.Second}},
		{"factor 1 is constant", Backoff{Initial: time.Second, Factor: 1, Jitter: exact},
			[]time.Duration{time.Second, time.Second, time.Second}},
		{"factor 1.5", Backoff{Initial: ms(100), Factor: 1.5, Jitter: exact},
			[]time.Duration{ms(100), ms(150), ms(225)}},
		{"an initial wait above the default limit stays", Backoff{Initial: time.Hour, Jitter: exact},
			[]time.Duration{time.Hour, time.Hour}},
		{"the jitter of a test", Backoff{Jitter: func(d time.Duration) time.Duration { return d + 1 }},
			[]time.Duration{ms(100) + 1, ms(200) + 1}},
		{"a jitter below zero is no wait", Backoff{Jitter: func(time.Duration) time.Duration { return -1 }},
			[]time.Duration{0, 0}},
		{"settings out of range count as zero", Backoff{Initial: -1, Factor: math.NaN(), Max: -1, Jitter: exact},
			[]time.Duration{ms(100), ms(200), ms(400)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []time.Duration
			for n := range tt.want {
				got = append(got, tt.b.Wait(n))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("waits %v, want %v", got, tt.want)
			}
			if a, b := tt.b.Wait(-5), tt.want[0]; a != b {
				t.Errorf("Wait(-5) is %v, want that of 0, %v", a, b)
			}
		})
	}
}

// The waits of a lifetime neither overflow nor take long to compute.
func TestBackoffOfManyRetries(t *testing.T) {
	for _, b := range []Backoff{
		{Jitter: Spread(0)},
		{Max: maxDuration, Factor: 100, Jitter: Spread(0)},
		{Max: math.MaxInt64, Jitter: Spread(100)},
		{Factor: 1, Jitter: Spread(0)},
	} {
		if d := b.Wait(math.MaxInt); d <= 0 {
			t.Errorf("%+v: wait %v", b, d)
		}
	}
}

func TestBackoffWithin(t *testing.T) {
	tests := []struct {
		name  string
		b     Backoff
		total time.Duration
		want  int
	}{
		{"none fits", Backoff{}, ms(99), 0},
		{"nothing fits into nothing", Backoff{}, 0, 0},
		{"one fits exactly", Backoff{}, ms(100), 1},
		{"100+200+400+800+1600 = 3100", Backoff{}, 5 * time.Second, 5},
		{"waits of one length are counted by division", Backoff{Initial: 1, Factor: 1}, time.Hour, int(time.Hour)},
		{"1+2+4+4+4", Backoff{Initial: time.Second, Max: 4 * time.Second}, 16 * time.Second, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.b.Within(tt.total); got != tt.want {
				t.Errorf("%d waits fit into %v, want %d", got, tt.total, tt.want)
			}
		})
	}
}

func TestBackoffSettingsAreChecked(t *testing.T) {
	for _, tt := range []struct {
		b    Backoff
		want string
	}{
		{Backoff{Initial: -1}, "Backoff.Initial is -1ns, allowed is 0 to"},
		{Backoff{Factor: 0.5}, "Backoff.Factor is 0.5, allowed is 1 to 100"},
		{Backoff{Factor: math.NaN()}, "Backoff.Factor is NaN"},
		{Backoff{Factor: math.Inf(1)}, "Backoff.Factor is +Inf"},
		{Backoff{Max: -1}, "Backoff.Max is -1ns"},
		{Backoff{Initial: time.Second, Max: ms(1)}, "Backoff.Max is 1ms, allowed is Initial (1s) to"},
		{Backoff{Max: math.MaxInt64}, "Backoff.Max is"},
	} {
		if err := tt.b.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want it to say %q", tt.b, err, tt.want)
		}
	}
	for _, b := range []Backoff{{}, {Initial: time.Hour}, {Factor: 1}, {Initial: 1, Factor: 100, Max: maxDuration}} {
		if err := b.Validate(); err != nil {
			t.Errorf("%+v: %v", b, err)
		}
	}
}

func TestSpreadStaysWithinItsShareAndReachesBothEnds(t *testing.T) {
	for _, tt := range []struct {
		percent          int
		d, least, atMost time.Duration
	}{
		{20, 10, 8, 12},
		{50, 7, 4, 10},
		{100, 5, 0, 10},
		{0, 5, 5, 5},
		{-3, 5, 5, 5},
		{300, 5, 0, 10},
		{50, 0, 0, 0},
		{50, -9, 0, 0},
	} {
		spread := Spread(tt.percent)
		low, high := spread(tt.d), spread(tt.d)
		for range 2000 {
			got := spread(tt.d)
			low, high = min(low, got), max(high, got)
		}
		if low != tt.least || high != tt.atMost {
			t.Errorf("%d %% of %d: %d to %d, want %d to %d", tt.percent, tt.d, low, high, tt.least, tt.atMost)
		}
	}
	for range 1000 {
		if d := Spread(100)(math.MaxInt64); d < 0 {
			t.Fatalf("overflow: %v", d)
		}
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := Sleep(t.Context(), time.Second); err != nil || time.Since(start) != time.Second {
			t.Errorf("slept %v: %v", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := Sleep(ctx, time.Hour)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2*time.Second {
			t.Errorf("a sleep cut short after %v: %v", time.Since(start), err)
		}
		for _, d := range []time.Duration{-1, 0, time.Hour} {
			if err := Sleep(ctx, d); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Sleep(%v) with an ended context: %v", d, err)
			}
		}
		for _, d := range []time.Duration{-1, 0} {
			if err := Sleep(t.Context(), d); err != nil {
				t.Errorf("Sleep(%v): %v", d, err)
			}
		}
	})
}
