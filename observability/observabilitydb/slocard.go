package observabilitydb

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/returnkit/returnkit/internal/sqldb"
)

// CardStatus says whether a service level is kept.
type CardStatus string

// The statuses of a card.
const (
	Fulfilled      CardStatus = "fulfilled"
	NeedsAttention CardStatus = "needs attention"
	NoData         CardStatus = "no data"
)

// Targets of the service levels.
const (
	acceptedTargetBP = 9900                   // A.1: of the orders submitted
	repairTarget     = 5 * time.Minute        // A.1: for each outage
	latencyTarget    = 500 * time.Millisecond // P.1: for 95 % of the orders accepted
	latencyBucket    = 8                      // whose bound latencyTarget is
	latencyTargetBP  = 9500
)

// Card is a service level over a window that ends now.
type Card struct {
	ID       string // A.1 or P.1
	Name     string
	Window   time.Duration
	Good     Rate // good of all: accepted of submitted, or fast enough of accepted
	TargetBP int64
	Status   CardStatus
	// Burn is how fast the error budget was used over the last hour, or over
	// the window where that is shorter: kept up, 1 uses it up exactly by the
	// end of a window, 2 in half of it. Without HasBurn nothing happened.
	Burn    float64
	HasBurn bool
	// P95 is of the latency of accepted orders, within the bucket it lies in
	// (1, 2.5, 5, 10, 25, 50, 100, 250, 500 ms, 1, 2.5, 5, 10 s) by linear
	// interpolation; beyond 10 s it is shown as 10 s. P.1 alone.
	P95 time.Duration
}

// Outages sums up the payment outages of a window, of all processes.
type Outages struct {
	N             int           // begun in the window
	Repaired      int           // of them, by themselves
	MTTR          time.Duration // mean time to repair of the repaired ones
	Longest       time.Duration // to repair, one that continues included
	OpenProcesses int           // whose circuit is open now
	OpenSince     time.Time     // when the first of these circuits opened; zero for none
}

// SLO is the two service levels of checkout.
type SLO struct {
	Acceptance Card // A.1: accepted of submitted, and repaired in time
	Latency    Card // P.1
	Outages    Outages
}

// SLO returns the service levels over the window that ends now, from what all
// processes have recorded, up to 10 seconds ago. The window is 10 minutes to
// 28 days; it is read by an index, one row for ten seconds and process in
// which anything happened. After two days there is one row for an hour, and a
// longer window begins with a whole one.
func (r *Reader) SLO(ctx context.Context, now time.Time, window time.Duration) (SLO, error) {
	if window < 10*time.Minute || window > 28*24*time.Hour {
		return SLO{}, fmt.Errorf("observabilitydb: service levels: the window is %v; it must be 10m to 672h", window)
	}
	all, err := r.deltas(ctx, now.Add(-window), now)
	if err != nil {
		return SLO{}, fmt.Errorf("observabilitydb: service levels: %w", err)
	}
	hour, err := r.deltas(ctx, now.Add(-min(window, time.Hour)), now)
	if err != nil {
		return SLO{}, fmt.Errorf("observabilitydb: service levels: %w", err)
	}
	s := SLO{
		Acceptance: newCard("A.1", "Orders accepted", window, acceptedTargetBP, all.acceptance(), hour.acceptance()),
		Latency:    newCard("P.1", "Orders answered within 500 ms", window, latencyTargetBP, all.fast(), hour.fast()),
	}
	s.Latency.P95 = all.p95()
	if s.Outages, err = r.outages(ctx, now, window); err != nil {
		return SLO{}, fmt.Errorf("observabilitydb: outages: %w", err)
	}
	if s.Outages.Longest >= repairTarget {
		s.Acceptance.Status = NeedsAttention
	}
	return s, nil
}

func newCard(id, name string, window time.Duration, targetBP int64, all, hour Rate) Card {
	c := Card{ID: id, Name: name, Window: window, Good: all, TargetBP: targetBP, Status: Fulfilled}
	switch {
	case all.Whole == 0:
		c.Status = NoData
	case all.Part*10000 < targetBP*all.Whole:
		c.Status = NeedsAttention
	}
	if hour.Whole > 0 {
		bad := float64(hour.Whole-hour.Part) / float64(hour.Whole)
		c.Burn, c.HasBurn = bad*10000/float64(10000-targetBP), true
	}
	return c
}

func (d delta) acceptance() Rate { return Rate{d.Accepted, d.Accepted + d.Failed} }

func (d delta) fast() Rate {
	var n int64
	for _, b := range d.Buckets[:latencyBucket+1] {
		n += b
	}
	return Rate{n, d.Accepted}
}

// p95 is by nearest rank, interpolated within its bucket; 0 for no order.
func (d delta) p95() time.Duration {
	rank := d.Accepted - d.Accepted/20
	var below int64
	low := time.Duration(0)
	for i, n := range d.Buckets {
		if i == len(latencyBounds) {
			break
		}
		high := latencyBounds[i]
		if n > 0 && below+n >= rank {
			return low + (high-low)*time.Duration(rank-below)/time.Duration(n)
		}
		below += n
		low = high
	}
	if d.Accepted == 0 {
		return 0
	}
	return low
}

// deltas adds up what all processes saw in a span.
func (r *Reader) deltas(ctx context.Context, from, to time.Time) (delta, error) {
	seconds := int64(slot / time.Second)
	var sums []string
	for _, c := range append([]string{"accepted", "failed"}, bucketColumns...) {
		sums = append(sums, "CAST(COALESCE(SUM("+c+"), 0) AS BIGINT)")
	}
	var d delta
	into := []any{&d.Accepted, &d.Failed}
	for i := range d.Buckets {
		into = append(into, &d.Buckets[i])
	}
	err := r.db.Read().QueryRowContext(ctx,
		"SELECT "+strings.Join(sums, ", ")+" FROM ?(rk)slo_deltas WHERE slot > ? AND slot <= ?",
		from.Unix()/seconds, to.Unix()/seconds).
		Scan(into...)
	return d, err
}

// outages reads the outages that touch a window.
func (r *Reader) outages(ctx context.Context, now time.Time, window time.Duration) (Outages, error) {
	var rows []outageRow
	err := r.db.Read().NewSelect().
		Model(&rows).
		Where("started >= ?", sqldb.At(now.Add(-window))).
		Order("started").Scan(ctx)
	if err != nil {
		return Outages{}, err
	}
	out := Outages{N: len(rows)}
	var repair time.Duration
	for _, row := range rows {
		end := row.Ended.Time()
		switch {
		case !end.IsZero():
			if row.Repaired {
				out.Repaired++
				repair += end.Sub(row.Started.Time())
			}
		case now.Sub(row.SeenAt.Time()) < outageSilence:
			end = now
			out.OpenProcesses++
			if out.OpenSince.IsZero() {
				out.OpenSince = row.Started.Time()
			}
		default: // its process is gone; that is how long it was known to last
			end = row.SeenAt.Time()
		}
		out.Longest = max(out.Longest, end.Sub(row.Started.Time()))
	}
	if out.Repaired > 0 {
		out.MTTR = repair / time.Duration(out.Repaired)
	}
	return out, nil
}
