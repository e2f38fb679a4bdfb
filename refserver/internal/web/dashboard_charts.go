package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/returnkit/returnkit/observability/observabilitydb"
	"github.com/returnkit/returnkit/orders/money"
)

// picture is a chart of the dashboard and the table behind it.
type picture struct {
	title string
	alt   string
	empty string // what to do where there is nothing to show
	width int    // 0: half of the page
	of    func(*server, observabilitydb.KPIs) chart
	table func(observabilitydb.KPIs) table
}

// table is the figures of a chart. The first column is what they are of.
type table struct {
	Head []string
	Rows [][]string
}

// chartView is a chart on the page.
type chartView struct {
	Name, Title, Alt, Empty string
	Source, Phone           string // addresses
	Wide                    bool
	Table                   table
}

var pictureNames = []string{"days", "reasons", "paid", "cycle"}

var pictures = map[string]picture{
	"days": {
		title: "Orders, refunds and RMA numbers by day", alt: "Lines by day", width: wideChart,
		empty: "Nothing was ordered or sent back in this quarter. Choose another above.",
		of:    func(s *server, k observabilitydb.KPIs) chart { return dayChart(k, s.Now()) }, table: dayTable,
	},
	"reasons": {
		title: "Why goods come back", alt: "Bars by reason, most frequent first, under a line of what they come to together",
		empty: "No return was requested in this quarter. Customers ask for one under Returns.",
		of:    func(_ *server, k observabilitydb.KPIs) chart { return reasonChart(k) }, table: reasonTable,
	},
	"paid": {
		title: "Money paid back by method", alt: "Bars by method",
		empty: "No refund was paid in this quarter. Approved returns wait under All returns.",
		of:    func(s *server, k observabilitydb.KPIs) chart { return paidChart(k, s.Currency) }, table: paidTable,
	},
	"cycle": {
		title: "Time a return takes by stage", alt: "Bars of the median and of what nine in ten stay within, by stage", width: wideChart,
		empty: "No return was closed in this quarter. One is closed when its refund is paid.",
		of:    func(_ *server, k observabilitydb.KPIs) chart { return cycleChart(k) }, table: cycleTable,
	},
}

func (s *server) charts(k observabilitydb.KPIs, p period) []chartView {
	out := make([]chartView, 0, len(pictureNames))
	for _, name := range pictureNames {
		pic := pictures[name]
		v := chartView{
			Name:  name,
			Title: pic.title,
			Alt:   pic.alt + "; the table below has the figures",
			Wide:  pic.width == wideChart,
			Table: pic.table(k),
		}
		if len(v.Table.Rows) == 0 {
			v.Empty = pic.empty
		} else if len(pic.of(s, k).labels) > 0 { // refunds in another currency alone have a table
			v.Source = "/admin/dashboard/charts/" + name + "?" + p.query() + "&v=" + version(v.Table)
			v.Phone = v.Source + "&size=phone"
		}
		out = append(out, v)
	}
	return out
}

// dayTable has the days on which something happened, newest first.
func dayTable(k observabilitydb.KPIs) table {
	t := table{Head: []string{"Day", "Orders", "Returns", "RMA numbers", "Refunds paid", "Refunds failed"}}
	for i := len(k.Days) - 1; i >= 0; i-- {
		d := k.Days[i]
		if d.Counts == (observabilitydb.Counts{}) {
			continue
		}
		day, _ := time.Parse(time.DateOnly, d.Date) // made by the reader
		t.Rows = append(
			t.Rows,
			[]string{
				day.Format("Mon 2 Jan 2006"),
				grouped(d.Orders),
				grouped(d.Returns),
				grouped(d.RMAs),
				grouped(d.RefundsPaid),
				grouped(d.RefundsFailed),
			},
		)
	}
	return t
}

// frequency is one reason why goods come back, with its part of all and that of it and the
// more frequent ones together, in basis points.
type frequency struct {
	Name           string
	N              int64
	BP, TogetherBP int64
}

func pareto(shares []observabilitydb.Share) []frequency {
	var all, together int64
	for _, s := range shares {
		all += s.N
	}
	out := make([]frequency, 0, len(shares))
	for _, s := range shares {
		together += s.N
		out = append(out, frequency{words(s.Name), s.N, s.N * 10000 / all, together * 10000 / all})
	}
	return out
}

func reasonTable(k observabilitydb.KPIs) table {
	t := table{Head: []string{"Reason", "Returns", "Share", "Together"}}
	for _, r := range pareto(k.Reasons) {
		t.Rows = append(t.Rows, []string{r.Name, grouped(r.N), percent(r.BP), percent(r.TogetherBP)})
	}
	return t
}

func paidTable(k observabilitydb.KPIs) table {
	t := table{Head: []string{"Method", "Refunds", "Amount"}}
	for _, m := range k.Paid {
		t.Rows = append(t.Rows, []string{words(m.Method), grouped(m.N), sum(m.Amount, money.Currency(m.Currency))})
	}
	return t
}

// stages are those that returns went through, with the whole way first.
func stages(c observabilitydb.Cycle) []observabilitydb.Spread {
	var out []observabilitydb.Spread
	for _, s := range append([]observabilitydb.Spread{c.Total}, c.Stages...) {
		if s.N > 0 {
			out = append(out, s)
		}
	}
	return out
}

func cycleTable(k observabilitydb.KPIs) table {
	t := table{Head: []string{"Stage", "Returns", "Average", "Median", "90 % within"}}
	for _, s := range stages(k.Cycle) {
		t.Rows = append(
			t.Rows,
			[]string{words(s.Name), grouped(int64(s.N)), lasting(s.Avg), lasting(s.Median), lasting(s.P90)},
		)
	}
	return t
}

// sum is money whose thousands are grouped, as those of counts are.
func sum(minor int64, c money.Currency) string {
	text := money.New(minor, c).String()
	end := strings.IndexFunc(
		strings.TrimPrefix(text, "-"),
		func(r rune) bool { return r < '0' || r > '9' },
	) + len(
		text,
	) - len(
		strings.TrimPrefix(text, "-"),
	)
	n, err := strconv.ParseInt(text[:end], 10, 64)
	if err != nil || n == 0 { // not -0
		return text
	}
	return grouped(n) + text[end:]
}

// grouped groups thousands, so that 1000000 can be read.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	digits := strings.TrimPrefix(text, "-")
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "\u00a0" + digits[at:]
	}
	return text[:len(text)-len(strings.TrimPrefix(text, "-"))] + digits
}

// lasting says a duration in the two largest units that it has.
func lasting(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return two(int(d.Minutes()), "min", int(d.Seconds())%60, "s")
	case d < 48*time.Hour:
		return two(int(d.Hours()), "h", int(d.Minutes())%60, "min")
	}
	return two(int(d.Hours())/24, "d", int(d.Hours())%24, "h")
}

func two(n int, unit string, m int, smaller string) string {
	if m == 0 {
		return fmt.Sprintf("%d %s", n, unit)
	}
	return fmt.Sprintf("%d %s %d %s", n, unit, m, smaller)
}
