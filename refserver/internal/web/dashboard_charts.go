package web

import (
	"time"

	"github.com/returnkit/returnkit/observability/observabilitydb"
	"github.com/returnkit/returnkit/orders/money"
)

// picture is a chart of the dashboard and the table behind it.
type picture struct {
	title string
	alt   string
	empty string // what to do where there is nothing to show
	wide  bool   // across the page, not half of it
	of    func(*server, observabilitydb.KPIs) chart
	table func(observabilitydb.KPIs) table
}

// table is the data of a chart. The first column names what a row is about.
type table struct {
	Head []string
	Rows [][]string
}

// chartView is a chart on the page.
type chartView struct {
	Name, Title, Alt, Empty string
	Source                  string // address of the smallest drawing
	Sources                 []chartSource
	Wide                    bool
	Table                   table
}

var pictureNames = []string{"days", "reasons", "paid", "cycle"}

var pictures = map[string]picture{
	"days": {
		title: "Orders, refunds and RMA numbers by day", alt: "Lines by day", wide: true,
		empty: "No orders or returns in this quarter. Choose another quarter above.",
		of:    func(s *server, k observabilitydb.KPIs) chart { return dayChart(k, s.Now()) }, table: dayTable,
	},
	"reasons": {
		title: "Return reasons", alt: "Bars by reason, most frequent first, with a line of the cumulative share",
		empty: "No returns were requested in this quarter.",
		of:    func(_ *server, k observabilitydb.KPIs) chart { return reasonChart(k) }, table: reasonTable,
	},
	"paid": {
		title: "Refunds by method", alt: "Bars by method",
		empty: "No refunds were paid in this quarter.",
		of:    func(s *server, k observabilitydb.KPIs) chart { return paidChart(k, s.Currency) }, table: paidTable,
	},
	"cycle": {
		title: "Return cycle time by stage", alt: "Bars of the median and the 90th percentile, by stage", wide: true,
		empty: "No returns were closed in this quarter.",
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
			Alt:   pic.alt + "; see the data table below",
			Wide:  pic.wide,
			Table: pic.table(k),
		}
		if len(v.Table.Rows) == 0 {
			v.Empty = pic.empty
		} else if len(pic.of(s, k).labels) > 0 { // refunds in another currency alone have a table
			v.Sources, v.Source = chartSources(
				"/admin/dashboard/charts/"+name+"?"+p.query()+"&v="+version(v.Table), pic,
			)
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

// frequency is one reason for returns, with its share of all, and the share of it and the
// more frequent ones together, in basis points.
type frequency struct {
	Name             string
	N                int64
	BP, CumulativeBP int64
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
	t := table{Head: []string{"Reason", "Returns", "Share", "Cumulative"}}
	for _, r := range pareto(k.Reasons) {
		t.Rows = append(t.Rows, []string{r.Name, grouped(r.N), percent(r.BP), percent(r.CumulativeBP)})
	}
	return t
}

func paidTable(k observabilitydb.KPIs) table {
	t := table{Head: []string{"Method", "Refunds", "Amount"}}
	for _, m := range netPaid(k) {
		t.Rows = append(t.Rows, []string{words(m.Method), grouped(m.N), amount(m.Amount, money.Currency(m.Currency))})
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
	t := table{Head: []string{"Stage", "Returns", "Average", "Median", "90th percentile"}}
	for _, s := range stages(k.Cycle) {
		t.Rows = append(
			t.Rows,
			[]string{words(s.Name), grouped(int64(s.N)), lasting(s.Avg), lasting(s.Median), lasting(s.P90)},
		)
	}
	return t
}
