package quality

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-analyze/charts"
)

// Word is what a report says of a row.
func (r Row) Word() string {
	switch {
	case r.Error != "":
		return "not measured"
	case r.Fulfilled:
		return "fulfilled"
	}
	return "NOT fulfilled"
}

// Line is a row as the command prints it while it runs.
func (r Row) Line() string {
	observed := r.Observed
	if r.Error != "" {
		observed = r.Error
	}
	return fmt.Sprintf("%-4s %-13s %s (%s)", r.ID, r.Word(), observed, r.Took.Round(100*time.Millisecond))
}

// Table writes the rows as a table of text.
func (r Report) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "SCENARIO\tMEASURE\tTARGET\tOBSERVED\t")
	for _, row := range r.Rows {
		observed := row.Observed
		if row.Error != "" {
			observed = row.Error
		}
		measure := row.Measure
		if row.StandIn != "" {
			measure += " (stand-in)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", row.ID, measure, row.Target, observed, row.Word())
	}
	return t.Flush()
}

// JSON writes the report for programs.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(struct {
		Report
		AllFulfilled bool `json:"fulfilled"`
	}{r, r.Fulfilled()})
}

// Markdown writes the report as a page of the documentation.
func (r Report) Markdown(w io.Writer) error {
	fmt.Fprintf(w, "# Quality scenarios\n\nWritten by `refserver scenarios --markdown FILE`; do not edit.\n\n")
	length := "whole"
	if r.Short {
		length = "short"
	}
	fmt.Fprintf(
		w, "Measured on %s on %s, with %s, in the %s form.\n\n", r.Started.Format("2 January 2006, 15:04 UTC"),
		r.Machine, r.Database, length,
	)
	for _, row := range r.Rows {
		fmt.Fprintf(w, "## %s: %s\n\n", row.ID, row.Word())
		fmt.Fprintf(w, "- Stimulus: %s\n- Measure: %s\n", row.Stimulus, row.Measure)
		if row.StandIn != "" {
			fmt.Fprintf(w, "- Stand-in: %s\n", row.StandIn)
		}
		observed := row.Observed
		if row.Error != "" {
			observed = row.Error
		}
		if _, err := fmt.Fprintf(
			w, "- Target: %s\n- Observed: %s\n\n", row.Target, strings.ReplaceAll(observed, "\n", " "),
		); err != nil {
			return err
		}
	}
	return nil
}

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"draw": Draw,
	"word": Row.Word,
	"when": func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 UTC") },
	"took": func(d time.Duration) string { return d.Round(100 * time.Millisecond).String() },
}).Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Quality scenarios</title>
<style>
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .25rem .75rem; border-bottom: 1px solid #8884; vertical-align: top }
.good { color: #197a3e }
.bad { color: #b3261e }
.scroll { overflow-x: auto }
svg { width: 100%; height: auto }
</style>
</head>
<body>
<h1>Quality scenarios</h1>
<p>{{when .Started}}, {{.Machine}}, {{.Database}}, version {{.Version}}{{if .Short}}, short form{{end}}.</p>
<div class="scroll">
<table>
<thead>
<tr>
<th scope="col">Scenario</th>
<th scope="col">Stimulus</th>
<th scope="col">Measure</th>
<th scope="col">Target</th>
<th scope="col">Observed</th>
<th scope="col">Took</th>
</tr>
</thead>
<tbody>
{{range .Rows}}
<tr>
<th scope="row">{{.ID}}<br><span class="{{if .Fulfilled}}good{{else}}bad{{end}}">{{word .}}</span></th>
<td>{{.Stimulus}}</td>
<td>{{.Measure}}{{with .StandIn}}<br><em>Stand-in: {{.}}</em>{{end}}</td>
<td>{{.Target}}</td>
<td>{{.Observed}}{{.Error}}</td>
<td>{{took .Took}}</td>
</tr>
{{end}}
</tbody>
</table>
</div>
{{range .Rows}}
{{$id := .ID}}
{{range .Charts}}
<h2>{{$id}}: {{.Title}}, {{.Unit}}</h2>
{{draw .}}
{{end}}
{{end}}
</body>
</html>
`))

// HTML writes the report as a page, with its charts.
func (r Report) HTML(w io.Writer) error { return page.Execute(w, r) }

// Draw draws a chart as SVG. It holds our own numbers and names only.
func Draw(c Chart) (template.HTML, error) {
	if len(c.Labels) == 0 {
		return "", nil
	}
	var values [][]float64
	for _, name := range c.Names {
		values = append(values, c.Lines[name])
	}
	ink := charts.ColorRGB(120, 132, 148)
	theme := charts.MakeTheme(charts.ThemeOption{
		AxisStrokeColor: ink, AxisSplitLineColor: ink.WithAlpha(60), BackgroundColor: charts.ColorTransparent,
		TextColor: ink, TextColorLegend: ink, TextColorXAxis: ink, TextColorYAxis: ink,
		SeriesColors: []charts.Color{
			charts.ColorRGB(60, 160, 100), charts.ColorRGB(214, 140, 40), charts.ColorRGB(66, 133, 214),
			charts.ColorRGB(200, 60, 60),
		},
	})
	option := charts.NewLineChartOptionWithData(values)
	option.Theme, option.XAxis.Labels, option.Legend.SeriesNames = theme, c.Labels, c.Names
	option.Symbol.Shape = charts.SymbolNone
	painter := charts.NewPainter(charts.PainterOptions{
		OutputFormat: charts.ChartOutputSVG, Width: 1000, Height: 320, Theme: theme,
	})
	if err := painter.LineChart(option); err != nil {
		return "", err
	}
	svg, err := painter.Bytes()
	return template.HTML(svg), err
}
