package observabilitydb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
)

// KPIs are the figures of a quarter in a time zone. They are added up from
// whole UTC quarters of an hour, which every zone's days consist of, those of
// 23 and 25 hours and those of zones off the half hour included.
type KPIs struct {
	Quarter Quarter
	Zone    *time.Location
	From    time.Time // first instant, in the zone
	To      time.Time // first instant after it

	Days  []DayCounts // every day of the quarter in order, those without events too
	Total Counts

	ReturnAcceptance Rate // returns approved, of those approved or rejected
	RefundSuccess    Rate // refund attempts that succeeded, of those that succeeded or failed
	RMARate          Rate // RMA numbers given out, per order placed
	RestockShare     Rate // units restocked, of those accepted

	Reasons      []Share // of the returns requested, most frequent first
	Dispositions []Share // of the units accepted, most frequent first
	Paid         []Money // refunds that succeeded, by method and currency, sorted
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

// Reader reads figures from the tables of this package and of the stores. It
// is safe for concurrent use.
type Reader struct{ db *sqldb.DB }

// New returns a reader on the database that the stores share.
func New(db *sqldb.DB) *Reader { return &Reader{db: db} }

// KPIs returns the figures of a quarter in a zone, up to a few seconds ago (see
// [RollupConfig]). It reads three indexed ranges of the quarter's own rows,
// whatever else is stored.
func (r *Reader) KPIs(ctx context.Context, q Quarter, zone *time.Location) (KPIs, error) {
	if !q.valid() || zone == nil {
		return KPIs{}, fmt.Errorf("observabilitydb: KPIs of %v: the quarter must be %v to %v, and there must be a zone", q, FirstQuarter, LastQuarter)
	}
	s := q.span(zone)
	k := KPIs{Quarter: q, Zone: zone, From: s.from, To: s.to}
	err := r.days(ctx, s, &k)
	if err == nil {
		err = r.shares(ctx, s, &k)
	}
	if err == nil {
		k.Cycle, err = r.cycle(ctx, s)
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

// days reads the counts of each day.
func (r *Reader) days(ctx context.Context, s span, k *KPIs) error {
	var rows []struct {
		Day int64
		Counts
	}
	sums := make([]string, len(countedEvents))
	for i, c := range countedEvents {
		sums[i] = "CAST(SUM(" + c.column + ") AS BIGINT) AS " + c.column
	}
	err := r.db.Read.NewSelect().TableExpr("kpi_quarters").
		ColumnExpr("? AS day", bun.Safe(dayExpr(s.stretches(k.Zone)))).ColumnExpr(strings.Join(sums, ", ")).
		Where("quarter >= ?", quarterOf(s.from)).Where("quarter < ?", quarterOf(s.to)).
		GroupExpr("1").Scan(ctx, &rows)
	if err != nil {
		return err
	}
	byDate := make(map[string]Counts, len(rows))
	for _, row := range rows {
		byDate[time.Unix(row.Day*24*60*60, 0).UTC().Format(time.DateOnly)] = row.Counts
		for _, c := range countedEvents {
			*c.field(&k.Total) += *c.field(&row.Counts)
		}
	}
	year, month := k.Quarter.firstDay()
	end := time.Date(year, month+3, 1, 0, 0, 0, 0, time.UTC)
	for d := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC); d.Before(end); d = d.AddDate(0, 0, 1) {
		date := d.Format(time.DateOnly)
		k.Days = append(k.Days, DayCounts{date, byDate[date]})
	}
	return nil
}

// dayExpr numbers the local day of a quarter, from 1970 on.
func dayExpr(stretches []stretch) string {
	offset := "CASE"
	for _, st := range stretches {
		offset += fmt.Sprintf(" WHEN quarter < %d THEN %d", quarterOf(st.until), st.offset/quarter)
	}
	return fmt.Sprintf("(quarter + %s END) / %d", offset, 24*time.Hour/quarter)
}

// shares reads the figures by name.
func (r *Reader) shares(ctx context.Context, s span, k *KPIs) error {
	var rows []shareRow
	err := r.db.Read.NewRaw(`SELECT kind, name, CAST(SUM(n) AS BIGINT) AS n, CAST(SUM(amount) AS BIGINT) AS amount
		FROM kpi_shares WHERE quarter >= ? AND quarter < ? GROUP BY kind, name ORDER BY kind, n DESC, name`,
		quarterOf(s.from), quarterOf(s.to)).Scan(ctx, &rows)
	if err != nil {
		return err
	}
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
		case "leakage":
			k.Leakage = append(k.Leakage, Money{"", row.Name, row.N, row.Amount})
		}
	}
	slices.SortFunc(k.Paid, func(a, b Money) int { return strings.Compare(a.Currency+a.Method, b.Currency+b.Method) })
	slices.SortFunc(k.Leakage, func(a, b Money) int { return strings.Compare(a.Currency, b.Currency) })
	return nil
}
