package observabilitydb

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/sqlstore"
)

// KPIs are the key numbers of a quarter in a time zone. They are added up from
// whole UTC quarters of an hour. The days of every zone consist of these, days of 23
// and 25 hours and zones off the half hour included.
type KPIs struct {
	Quarter Quarter
	Zone    *time.Location
	From    time.Time // first instant, in the zone
	To      time.Time // first instant after it

	Days  []DayCounts // every day of the quarter in order, those without events too
	Total Counts

	ReturnAcceptance Rate // returns approved, as a share of returns approved or rejected
	RefundSuccess    Rate // refund attempts that succeeded, as a share of attempts that succeeded or failed
	RMARate          Rate // RMA numbers given out, per order placed
	RestockShare     Rate // units restocked, as a share of units accepted

	Reasons      []Share // of the returns requested, most frequent first
	Dispositions []Share // of the units accepted, most frequent first
	Paid         []Money // refunds that succeeded, by method and currency, sorted
	Reversed     []Money // refunds that the provider reversed, by method and currency, sorted; Paid counts them too
	Leakage      []Money // what overrides added to refunds above their terms, by currency; N refunds have some
	Cycle        Cycle
}

// DayCounts is what happened on one day of a time zone.
type DayCounts struct {
	Date string // 2026-05-12
	Counts
}

// Rate is a part of a whole. With a whole of 0 there is no rate. A part may be
// larger than its whole where they count different things, such as RMAs of
// this quarter for orders of the one before.
type Rate struct{ Part, Whole int64 }

// BP is the rate in basis points, rounded down; ok is false when there is none.
func (r Rate) BP() (bp int64, ok bool) {
	if r.Whole <= 0 {
		return 0, false
	}
	return r.Part * 10000 / r.Whole, true
}

// Share is how many of something have a name.
type Share struct {
	Name string
	N    int64
}

// Money is a sum in one currency, in minor units. Method is empty where it is
// over all methods.
type Money struct {
	Method, Currency string
	N, Amount        int64
}

// Reader reads figures from the tables of this package and of the stores, and
// remembers those of some days (see KPIs). It is safe for concurrent use.
type Reader struct {
	db *sqlstore.DB
	// What is known for zones whole hours from UTC, and for the others.
	hours, quarters memory
}

// New returns a reader on the database that the stores share.
func New(db *sqlstore.DB) *Reader {
	return &Reader{db: db, hours: memory{unit: int64(time.Hour / quarter)}, quarters: memory{unit: 1}}
}

// KPIs returns the key numbers of a quarter in a zone, up to a few seconds ago (see
// [RollupConfig]). What it has read of a UTC day it keeps, and reads again only
// when something of that day was counted anew, by whichever process: mostly
// that is today. The first time it reads indexed ranges of the quarter's own
// rows, whatever else is stored. It keeps at most [maxDays] days, which take
// some 7 KB each in a busy shop, and as many more of 15 KB where it is asked
// for zones off the hour.
func (r *Reader) KPIs(ctx context.Context, q Quarter, zone *time.Location) (KPIs, error) {
	if !q.valid() || zone == nil {
		return KPIs{}, fmt.Errorf(
			"observabilitydb: KPIs of %v: the quarter must be %v to %v, and there must be a zone",
			q,
			FirstQuarter,
			LastQuarter,
		)
	}
	s := q.span(zone)
	k := KPIs{Quarter: q, Zone: zone, From: s.from, To: s.to}
	days, err := r.read(ctx, s, r.fit(s, zone))
	if err == nil {
		k.count(s, days)
		k.Cycle = cycle(s, days)
		err = r.shares(ctx, s, days, &k)
	}
	if err != nil {
		return KPIs{}, fmt.Errorf("observabilitydb: KPIs of %v in %v: %w", q, zone, err)
	}
	t := k.Total
	k.ReturnAcceptance = Rate{t.ReturnsApproved, t.ReturnsApproved + t.ReturnsRejected}
	k.RefundSuccess = Rate{t.RefundsPaid, t.RefundsPaid + t.RefundsFailed}
	k.RMARate = Rate{t.RMAs, t.Orders}
	return k, nil
}

// count adds the counts up by day of the zone.
func (k *KPIs) count(s span, days []*day) {
	year, month := k.Quarter.firstDay()
	first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	for d := first; d.Before(first.AddDate(0, 3, 0)); d = d.AddDate(0, 0, 1) {
		k.Days = append(k.Days, DayCounts{Date: d.Format(time.DateOnly)})
	}
	from, to := quarterOf(s.from), quarterOf(s.to)
	stretches, begin := s.stretches(k.Zone), quarterOf(first)
	for _, d := range days {
		for i := range d.quarters {
			row := &d.quarters[i]
			if row.Quarter < from || row.Quarter >= to {
				continue
			}
			for row.Quarter >= quarterOf(stretches[0].until) {
				stretches = stretches[1:]
			}
			into := &k.Days[dayOf(row.Quarter+int64(stretches[0].offset/quarter)-begin)].Counts
			into.add(&row.Counts)
			k.Total.add(&row.Counts)
		}
	}
}

// shares adds the values by name up: days that lie whole in the span by what
// is known of them, the parts of days at its ends from the database.
func (r *Reader) shares(ctx context.Context, s span, days []*day, k *KPIs) error {
	type key struct{ kind, name string }
	sums := map[key]shareRow{}
	add := func(rows []shareRow) {
		for _, row := range rows {
			sum := sums[key{row.Kind, row.Name}]
			sum.N, sum.Amount = sum.N+row.N, sum.Amount+row.Amount
			sums[key{row.Kind, row.Name}] = sum
		}
	}
	from, to := quarterOf(s.from), quarterOf(s.to)
	for _, d := range days {
		if start := d.number * quartersOfDay; start >= from && start+quartersOfDay <= to {
			add(d.shares)
			continue
		}
		rows, err := r.sharesOf(ctx, max(from, d.number*quartersOfDay), min(to, (d.number+1)*quartersOfDay))
		if err != nil {
			return err
		}
		add(rows)
	}
	rows := make([]shareRow, 0, len(sums))
	for name, sum := range sums {
		rows = append(rows, shareRow{Kind: name.kind, Name: name.name, N: sum.N, Amount: sum.Amount})
	}
	slices.SortFunc(
		rows,
		func(a, b shareRow) int { return cmp.Or(cmp.Compare(b.N, a.N), strings.Compare(a.Name, b.Name)) },
	)
	for _, row := range rows {
		switch row.Kind {
		case "reason":
			k.Reasons = append(k.Reasons, Share{row.Name, row.N})
		case "disposition":
			k.Dispositions = append(k.Dispositions, Share{row.Name, row.N})
			k.RestockShare.Whole += row.N
			if row.Name == "restock" {
				k.RestockShare.Part += row.N
			}
		case "refund":
			method, currency, _ := strings.Cut(row.Name, "/")
			k.Paid = append(k.Paid, Money{method, currency, row.N, row.Amount})
		case "reversed":
			method, currency, _ := strings.Cut(row.Name, "/")
			k.Reversed = append(k.Reversed, Money{method, currency, row.N, row.Amount})
		case "leakage":
			k.Leakage = append(k.Leakage, Money{"", row.Name, row.N, row.Amount})
		}
	}
	byCurrency := func(a, b Money) int { return strings.Compare(a.Currency+a.Method, b.Currency+b.Method) }
	slices.SortFunc(k.Paid, byCurrency)
	slices.SortFunc(k.Reversed, byCurrency)
	slices.SortFunc(k.Leakage, func(a, b Money) int { return strings.Compare(a.Currency, b.Currency) })
	return nil
}
