package web

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/go-analyze/charts"

	"github.com/returnkit/returnkit/observability/observabilitydb"
	"github.com/returnkit/returnkit/orders/money"
)

// chart is a picture of figures that stand in a table beside it, so that
// nothing is shown by the picture alone.
type chart struct {
	labels []string // of the points or groups
	names  []string // of the series
	data   [][]float64
	lines  bool                 // over time; otherwise bars that lie
	shares []float64            // percent, of each bar and those before; then the bars stand, under a line of these
	value  func(float64) string // at a line of the grid, or at the end of a bar
}

// ink is a color on light ground and its twin on dark ground.
type ink struct{ light, dark charts.Color }

var (
	textInk = ink{charts.ColorRGB(0x45, 0x50, 0x5e), charts.ColorRGB(0xb4, 0xbf, 0xcc)}
	gridInk = ink{charts.ColorRGB(0xd9, 0xde, 0xe5), charts.ColorRGB(0x2d, 0x39, 0x46)}
	inks    = []ink{
		{charts.ColorRGB(0x1f, 0x5f, 0xbf), charts.ColorRGB(0x7f, 0xb0, 0xff)},
		{charts.ColorRGB(0xb4, 0x53, 0x09), charts.ColorRGB(0xf2, 0xa6, 0x5a)},
		{charts.ColorRGB(0x17, 0x66, 0x3a), charts.ColorRGB(0x7d, 0xdb, 0xa0)},
	}
)

// draw returns the chart as SVG, in the colors of light ground; where the
// screen of the reader is dark, it changes them itself.
func (c chart) draw(width int) ([]byte, error) {
	series := make([]charts.Color, len(inks))
	for i := range inks {
		series[i] = inks[i].light
	}
	theme := charts.MakeTheme(charts.ThemeOption{
		AxisStrokeColor: gridInk.light, AxisSplitLineColor: gridInk.light, BackgroundColor: charts.ColorTransparent,
		TextColor: textInk.light, TextColorLegend: textInk.light, TextColorXAxis: textInk.light,
		TextColorYAxis: textInk.light,
		SeriesColors:   series,
	})
	height := 280
	if !c.lines && c.shares == nil {
		height = 56 + len(c.labels)*(14+22*len(c.data))
	}
	p := charts.NewPainter(
		charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: width, Height: height, Theme: theme},
	)
	var err error
	switch {
	case c.shares != nil:
		o := c.paretoOption(theme, width)
		o.Width, o.Height = width, height
		p, err = charts.Render(o, charts.SVGOutputOptionFunc())
	case c.lines:
		err = p.LineChart(c.lineOption(theme, width))
	default:
		err = p.BarChart(c.barOption(theme))
	}
	if err != nil {
		return nil, err
	}
	svg, err := p.Bytes()
	if err != nil {
		return nil, err
	}
	return withDark(sized(svg, width, height)), nil
}

var font = charts.FontStyle{FontSize: 9.75} // 13 px

func (c chart) lineOption(theme charts.ColorPalette, width int) charts.LineChartOption {
	o := charts.NewLineChartOptionWithData(c.data)
	o.Theme, o.Padding, o.LineStrokeWidth = theme, charts.NewBox(0, 0, 16, 0), 2
	o.Symbol.Shape = charts.SymbolNone
	o.XAxis.Labels, o.XAxis.LabelFontStyle = c.labels, font
	o.XAxis.LabelCount = max(2, width/110)
	o.Legend.SeriesNames, o.Legend.FontStyle = c.names, font
	o.Legend.Symbol = charts.SymbolSquare
	o.ValueFormatter = c.value
	// Four steps of whole numbers, for a flat line too.
	top := 4 * max(1, math.Ceil(c.largest()/4))
	o.YAxis = []charts.YAxisOption{
		{LabelFontStyle: font, ValueFormatter: c.value, Min: charts.Ptr(0.0), Max: charts.Ptr(top), LabelCount: 5},
	}
	return o
}

// barOption draws from below, so what comes first is handed over last.
func (c chart) barOption(theme charts.ColorPalette) charts.BarChartOption {
	labels, data := slices.Clone(c.labels), make([][]float64, len(c.data))
	slices.Reverse(labels)
	for i, s := range c.data {
		data[i] = slices.Clone(s)
		slices.Reverse(data[i])
	}
	o := charts.NewBarChartOptionWithData(data)
	o.Horizontal, o.Theme, o.Padding = true, theme, charts.NewBox(0, 0, 16, 0)
	o.CategoryAxis.Labels, o.CategoryAxis.LabelFontStyle = labels, font
	// The bars carry their values, and leave room for them.
	o.ValueAxis = []charts.ValueAxisOption{
		{Show: charts.Ptr(false), Min: charts.Ptr(0.0), Max: charts.Ptr(1.4 * c.largest())},
	}
	if c.names != nil {
		o.Legend.SeriesNames, o.Legend.FontStyle = c.names, font
	}
	for i := range o.SeriesList {
		o.SeriesList[i].Label = charts.SeriesLabel{Show: charts.Ptr(true), FontStyle: font, ValueFormatter: c.value}
	}
	return o
}

// paretoOption draws standing bars by the left axis, and the line of their running sum
// by the right one. Both axes end at the total.
func (c chart) paretoOption(theme charts.ColorPalette, width int) charts.ChartOption {
	var all float64
	for _, v := range c.data[0] {
		all += v
	}
	labels := slices.Clone(c.labels)
	room := (width - 100) / len(labels) / 8 // letters under a bar
	for i, l := range labels {
		labels[i] = folded(l, room)
	}
	return charts.ChartOption{
		Theme: theme, Padding: charts.NewBox(0, 0, 16, 0), LineStrokeWidth: 2,
		Symbol: charts.Symbol{Shape: charts.SymbolDot},
		XAxis:  charts.XAxisOption{Labels: labels, LabelFontStyle: font, LabelCount: len(labels)},
		Legend: charts.LegendOption{
			SeriesNames: c.names, FontStyle: font, Symbol: charts.SymbolSquare,
			Padding: charts.NewBox(0, 0, 0, 18), // a bar of all there is carries its value above the grid
		},
		YAxis: []charts.YAxisOption{
			{LabelFontStyle: font, ValueFormatter: whole, Min: charts.Ptr(0.0), Max: charts.Ptr(all), LabelCount: 5},
			{
				LabelFontStyle: font,
				ValueFormatter: func(v float64) string { return fmt.Sprintf("%.0f %%", v) },
				Min:            charts.Ptr(0.0),
				Max:            charts.Ptr(100.0),
				LabelCount:     5,
			},
		},
		SeriesList: charts.GenericSeriesList{
			{
				Type:   charts.ChartTypeBar,
				Name:   c.names[0],
				Values: c.data[0],
				Label: charts.SeriesLabel{
					Show:           charts.Ptr(true),
					FontStyle:      font,
					ValueFormatter: c.value,
					Offset:         charts.OffsetInt{Top: -10},
				},
			},
			{Type: charts.ChartTypeLine, Name: c.names[1], Values: c.shares, YAxisIndex: 1},
		},
	}
}

// folded cuts a label that is longer than there is room for.
func folded(label string, room int) string {
	if r := []rune(label); len(r) > room {
		return string(r[:max(1, room-1)]) + "…"
	}
	return label
}

func (c chart) largest() float64 {
	largest := 0.0
	for _, s := range c.data {
		for _, v := range s {
			if v != charts.GetNullValue() {
				largest = max(largest, v)
			}
		}
	}
	return largest
}

// withDark adds the rules for a dark screen to a picture. They have to name
// the colors: the picture carries them as styles of its parts.
func withDark(svg []byte) []byte {
	var rules bytes.Buffer
	rules.WriteString("<style>@media screen and (prefers-color-scheme:dark){")
	for _, i := range append([]ink{textInk, gridInk}, inks...) {
		for _, property := range []string{"fill", "stroke"} {
			fmt.Fprintf(
				&rules,
				"[style*='%[1]s:%[2]s']{%[1]s:%[3]s!important}",
				property,
				i.light.StringRGB(),
				i.dark.StringRGB(),
			)
		}
	}
	rules.WriteString("}</style>")
	at := bytes.IndexByte(svg, '>') + 1
	return bytes.Join([][]byte{svg[:at], rules.Bytes(), svg[at:]}, nil)
}

// sized gives a picture the size it was drawn at: without one a browser stretches it to
// whatever room there is, and its letters with it.
func sized(svg []byte, width, height int) []byte {
	return bytes.Replace(svg, []byte("<svg "), fmt.Appendf(nil, `<svg width="%d" height="%d" `, width, height), 1)
}

// whole shows a count; there is no half an order.
func whole(v float64) string {
	if v != math.Trunc(v) {
		return ""
	}
	return grouped(int64(v))
}

// dayChart is orders, refunds and RMA numbers by day, up to the day that now
// falls on.
func dayChart(k observabilitydb.KPIs, now time.Time) chart {
	today := now.In(k.Zone).Format(time.DateOnly)
	c := chart{lines: true, names: []string{"Orders", "Refunds", "RMAs"}, data: make([][]float64, 3), value: whole}
	for _, d := range k.Days {
		day, _ := time.Parse(time.DateOnly, d.Date) // made by the reader
		c.labels = append(c.labels, day.Format("2 Jan"))
		for i, n := range []int64{d.Orders, d.RefundsPaid, d.RMAs} {
			v := float64(n)
			if d.Date > today && n == 0 {
				v = charts.GetNullValue() // nobody knows yet
			}
			c.data[i] = append(c.data[i], v)
		}
	}
	return c
}

// reasonChart is the reasons for returns, most frequent first, and what part of
// all the reasons so far are.
func reasonChart(k observabilitydb.KPIs) chart {
	c := chart{names: []string{"Returns", "Cumulative"}, data: make([][]float64, 1), value: whole}
	for _, r := range pareto(k.Reasons) {
		c.labels = append(c.labels, r.Name)
		c.data[0] = append(c.data[0], float64(r.N))
		c.shares = append(c.shares, float64(r.CumulativeBP)/100)
	}
	return c
}

// paidChart is what was refunded by method, net of reversals, in the currency of the shop.
func paidChart(k observabilitydb.KPIs, currency money.Currency) chart {
	// A picture is drawn from floats; these are whole minor units, and exact.
	c := chart{data: make([][]float64, 1), value: func(v float64) string { return amount(int64(v), currency) }}
	for _, m := range netPaid(k) {
		if m.Currency == string(currency) {
			c.labels = append(c.labels, words(m.Method))
			c.data[0] = append(c.data[0], float64(max(0, m.Amount)))
		}
	}
	return c
}

// cycleChart is how long returns take, stage by stage.
func cycleChart(k observabilitydb.KPIs) chart {
	c := chart{
		names: []string{"Median", "90th percentile"}, data: make([][]float64, 2),
		value: func(v float64) string { return lasting(time.Duration(v) * time.Microsecond) },
	}
	for _, s := range stages(k.Cycle) {
		c.labels = append(c.labels, words(s.Name))
		c.data[0] = append(c.data[0], float64(s.Median.Microseconds()))
		c.data[1] = append(c.data[1], float64(s.P90.Microseconds()))
	}
	return c
}
