package load

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// Counts are answers by what they mean.
type Counts struct {
	Completed, Queued, Throttled, Refused, Failed int
}

// Accepted are the orders that were taken.
func (c Counts) Accepted() int { return c.Completed + c.Queued }

func (c *Counts) add(k kind) {
	switch k {
	case completed:
		c.Completed++
	case queued:
		c.Queued++
	case throttled:
		c.Throttled++
	case refused:
		c.Refused++
	case failed, unknown:
		c.Failed++
	}
}

// Second is what was asked in one second of the run.
type Second struct {
	Counts
	P50, P95, P99 time.Duration // of accepted orders; 0 where there was none
	// Waiting is how many orders waited for the payment provider when it was last asked for.
	Waiting int

	accepted []time.Duration
	asked    bool
}

// Summary is the outcome of a run.
type Summary struct {
	Options Options
	Started time.Time
	Took    time.Duration
	Counts
	// Latencies of accepted orders, and of checkouts over the limit.
	P50, P95, P99, Max         time.Duration
	ThrottledP50, ThrottledP99 time.Duration
	Rate                       float64 // checkouts offered a second, as measured
	Starved                    int64   // times that no customer was ready: then the loop was not open
	Settled                    time.Duration
	Unsettled                  int
	CardOrders                 int // accepted, to be paid by card
	Charges, DoubleCharges     int // of the run, in the provider's ledger
	Cards                      []Card
	Seconds                    []Second

	accepted, throttledIn []time.Duration
	refillFailed          atomic.Int64
	back                  atomic.Int64 // when the provider answered again, ns
	last                  time.Time
}

// add counts a result.
func (s *Summary) add(res *vegeta.Result) kind {
	k := kindOf(res)
	s.Counts.add(k)
	second := s.second(res.Timestamp.Sub(s.Started))
	second.Counts.add(k)
	switch k {
	case completed, queued:
		s.accepted = append(s.accepted, res.Latency)
		second.accepted = append(second.accepted, res.Latency)
	case throttled:
		s.throttledIn = append(s.throttledIn, res.Latency)
	}
	if res.Timestamp.After(s.last) {
		s.last = res.Timestamp
	}
	return k
}

// second is the second of the run that is so long after its start.
func (s *Summary) second(after time.Duration) *Second {
	i := max(0, int(after/time.Second))
	for len(s.Seconds) <= i {
		s.Seconds = append(s.Seconds, Second{})
	}
	return &s.Seconds[i]
}

// wait notes how many orders wait for the payment provider.
func (s *Summary) wait(after time.Duration, n int) {
	second := s.second(after)
	second.Waiting, second.asked = n, true
}

// finish computes what needs all results.
func (s *Summary) finish() {
	s.Took = time.Since(s.Started)
	total := s.answered()
	if span := s.last.Sub(s.Started).Seconds(); span > 0 {
		s.Rate = float64(total) / span
	}
	slices.Sort(s.accepted)
	slices.Sort(s.throttledIn)
	s.P50, s.P95, s.P99 = quantile(s.accepted, 50), quantile(s.accepted, 95), quantile(s.accepted, 99)
	s.Max = quantile(s.accepted, 100)
	s.ThrottledP50, s.ThrottledP99 = quantile(s.throttledIn, 50), quantile(s.throttledIn, 99)
	for i := range s.Seconds {
		sec := &s.Seconds[i]
		slices.Sort(sec.accepted)
		sec.P50, sec.P95, sec.P99 = quantile(sec.accepted, 50), quantile(sec.accepted, 95), quantile(sec.accepted, 99)
		if !sec.asked && i > 0 {
			sec.Waiting = s.Seconds[i-1].Waiting
		}
	}
}

// quantile is the nearest-rank percentile p (1 to 100) of a sorted list.
func quantile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}

// AcceptedShare is accepted of submitted (accepted and failed), in percent.
// Answers that say no (4xx) count in neither.
func (s *Summary) AcceptedShare() float64 {
	submitted := s.Accepted() + s.Failed
	if submitted == 0 {
		return 100
	}
	return 100 * float64(s.Accepted()) / float64(submitted)
}

// line is the progress so far.
func (s *Summary) line(elapsed time.Duration) string {
	return fmt.Sprintf("%5.1fs  completed %d  queued %d  throttled %d  refused %d  failed %d",
		elapsed.Seconds(), s.Completed, s.Queued, s.Throttled, s.Refused, s.Failed)
}

// answered is how many checkouts have an answer.
func (c Counts) answered() int { return c.Accepted() + c.Throttled + c.Refused + c.Failed }

// words are the answers so far, for people.
func (c Counts) words() string {
	return fmt.Sprintf(
		"%d orders accepted, %d checkouts over the limit, %d failed.", c.Accepted(), c.Throttled, c.Failed,
	)
}

// balance compares the provider's ledger with the orders that were accepted. An order
// may be in either if nobody knows whether it was accepted.
func (s *Summary) balance() error {
	if s.Options.ProviderURL == "" {
		return nil
	}
	if extra := s.Charges - s.CardOrders; s.DoubleCharges > 0 || extra < 0 || extra > s.Failed {
		return fmt.Errorf(
			"%w: %d charges, %d of them a second one, for %d orders",
			ErrLedger,
			s.Charges,
			s.DoubleCharges,
			s.CardOrders,
		)
	}
	return nil
}

func (s *Summary) fulfilled(id string) bool {
	for _, c := range s.Cards {
		if c.ID == id {
			return c.State == "fulfilled"
		}
	}
	return false
}

// print says the summary, a fact a line.
func (s *Summary) print(say func(string, ...any)) {
	say("")
	say(
		"offered     %.1f checkouts/s for %s by %d customers",
		s.Rate,
		s.Took.Round(100*time.Millisecond),
		s.Options.Users,
	)
	say(
		"accepted    %d (completed %d, queued %d), %.3f %% of submitted",
		s.Accepted(),
		s.Completed,
		s.Queued,
		s.AcceptedShare(),
	)
	say("throttled   %d    refused %d    failed %d", s.Throttled, s.Refused, s.Failed)
	say("latency     p50 %s  p95 %s  p99 %s  max %s", short(s.P50), short(s.P95), short(s.P99), short(s.Max))
	if s.Throttled > 0 {
		say("throttled   p50 %s  p99 %s", short(s.ThrottledP50), short(s.ThrottledP99))
	}
	if s.Unsettled > 0 {
		say("settled     not yet: %d orders are still queued", s.Unsettled)
	} else if s.Options.Outage > 0 {
		say("settled     all queued orders %s after the provider was back", short(s.Settled))
	}
	if s.Options.ProviderURL != "" {
		say(
			"ledger      %d charges for %d orders by card, %d of them a second one",
			s.Charges,
			s.CardOrders,
			s.DoubleCharges,
		)
	}
	if s.Starved > 0 {
		say("note        %d times no customer was ready: use more --users for an open loop", s.Starved)
	}
	if n := s.refillFailed.Load(); n > 0 {
		say("note        %d carts could not be filled again", n)
	}
	for _, c := range s.Cards {
		say("SLO %-7s %s (target %s): %s", c.ID, c.Share(), c.Target+" %", c.State)
	}
}

// Share is the value in words.
func (c Card) Share() string {
	if c.Value == "" {
		return "no orders"
	}
	return c.Value.String() + " %"
}

func short(d time.Duration) string {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}
