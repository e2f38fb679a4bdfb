package observability

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBucketsCoverEveryDurationWithinTheStatedError(t *testing.T) {
	check := func(d time.Duration) {
		t.Helper()
		i := bucketOf(int64(d))
		if i < 0 || i >= windowBuckets {
			t.Fatalf("%v falls into bucket %d of %d", d, i, windowBuckets)
		}
		if d > maxUnits<<unitBits {
			return // counts as the largest
		}
		allowed := max(d/32, 512*time.Nanosecond)
		if diff := (bucketMiddle(i) - d).Abs(); diff > allowed {
			t.Fatalf("%v is read back as %v, off by %v, allowed is %v", d, bucketMiddle(i), diff, allowed)
		}
	}
	for shift := range 63 {
		for _, delta := range []int64{-1, 0, 1} {
			check(time.Duration(max(0, int64(1)<<shift+delta)))
		}
	}
	check(1<<63 - 1)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		check(time.Duration(r.Int64() >> r.IntN(63)))
	}
}

func TestWindowAgainstSortedValues(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		w := window{start: testTime, slot: time.Minute}
		values := make([]time.Duration, 1+r.IntN(300))
		for i := range values {
			values[i] = time.Duration(r.ExpFloat64() * float64(50*time.Millisecond))
			w.record(testTime, values[i])
		}
		slices.Sort(values)
		rank := (len(values)*95 + 99) / 100
		want := values[rank-1]
		got := w.stats()
		if got.n != uint64(len(values)) || got.min != values[0] || got.max != values[len(values)-1] {
			t.Fatalf("stats of %d values from %v to %v: %+v", len(values), values[0], values[len(values)-1], got)
		}
		if diff := (got.p95 - want).Abs(); diff > max(want/32, 512) {
			t.Fatalf("p95 of %d values = %v, want %v within 3.2 %%", len(values), got.p95, want)
		}
	}
}

func TestWindowRolls(t *testing.T) {
	w := window{start: testTime, slot: time.Minute}
	steps := []struct {
		after    time.Duration
		value    time.Duration
		n        uint64
		min, max time.Duration
	}{
		{0, 100, 1, 100, 100},
		{time.Minute, 300, 2, 100, 300},
		{3 * time.Minute, 200, 3, 100, 300},          // the fifth slot
		{time.Minute, 250, 3, 200, 300},              // the first has left
		{time.Hour, 50, 1, 50, 50},                   // all but the newest have
		{-2 * time.Hour, 70, 2, 50, 70},              // held up: counts with the newest
		{2*time.Hour + 5*time.Minute, 80, 1, 80, 80}, // and on
	}
	now := testTime
	for i, s := range steps {
		now = now.Add(s.after)
		w.record(now, s.value)
		got := w.stats()
		if got.n != s.n || got.min != s.min || got.max != s.max {
			t.Errorf("step %d: %+v, want n %d, min %d, max %d", i, got, s.n, s.min, s.max)
		}
	}
}

func TestEmptyWindow(t *testing.T) {
	w := window{start: testTime, slot: time.Minute}
	if got := w.stats(); got != (windowStats{}) {
		t.Errorf("stats of nothing = %+v", got)
	}
}

func TestHistogramTakesAnyDuration(t *testing.T) {
	m := testMetrics(t, MetricsConfig{})
	for _, d := range []time.Duration{-time.Second, 0, time.Millisecond, time.Millisecond + 1, 1<<63 - 1} {
		m.orderProcessed("completed", d)
	}
	text := scrape(t, m, "text/plain")
	for _, want := range []string{
		`bucket{mode="completed",le="0.001"} 3`, // bounds are inclusive, negative is 0
		`bucket{mode="completed",le="0.0025"} 4`,
		`bucket{mode="completed",le="10"} 4`,
		`bucket{mode="completed",le="+Inf"} 5`,
	} {
		if !strings.Contains(text, "order_processing_latency_seconds_"+want+"\n") {
			t.Errorf("scrape lacks %s", want)
		}
	}
}
