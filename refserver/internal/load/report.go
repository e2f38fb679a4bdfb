package load

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"os"
	"time"

	"github.com/go-analyze/charts"
)

// page is the report: figures first, then latency and rate over time. Its
// charts carry the same figures as its table.
var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"short": short,
	"inc":   func(i int) int { return i + 1 },
	"share": func(s *Summary) string { return fmt.Sprintf("%.3f %%", s.AcceptedShare()) },
	"rate":  func(f float64) string { return fmt.Sprintf("%.1f", f) },
	"when":  func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 UTC") },
}).Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Load report</title><style>
:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:right;padding:.25rem .75rem;border-bottom:1px solid #8884;
font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}svg{width:100%;height:auto}.scroll{overflow-x:auto}
</style></head><body>
<h1>Load report</h1>
<p>{{when .S.Started}}: {{rate .S.Rate}} checkouts a second offered for {{short .S.Took}}
by {{.S.Options.Users}} customers, {{.S.Options.CardPercent}} % by card
{{- if .S.Options.Outage}}, the payment provider silent for {{.S.Options.Outage}} in the middle{{end}}.</p>
<div class="scroll"><table><caption>Outcome</caption><tbody>
<tr><th scope="row">Accepted of submitted</th><td>{{share .S}}</td></tr>
<tr><th scope="row">Completed</th><td>{{.S.Completed}}</td></tr>
<tr><th scope="row">Queued</th><td>{{.S.Queued}}</td></tr>
<tr><th scope="row">Throttled (429)</th><td>{{.S.Throttled}}</td></tr>
<tr><th scope="row">Refused (other 4xx)</th><td>{{.S.Refused}}</td></tr>
<tr><th scope="row">Failed (5xx or no answer)</th><td>{{.S.Failed}}</td></tr>
<tr><th scope="row">Latency of accepted, p50 / p95 / p99 / max</th>
<td>{{short .S.P50}} / {{short .S.P95}} / {{short .S.P99}} / {{short .S.Max}}</td></tr>
<tr><th scope="row">Latency of throttled, p50 / p99</th>
<td>{{short .S.ThrottledP50}} / {{short .S.ThrottledP99}}</td></tr>
{{if .S.Options.Outage}}<tr><th scope="row">Queued orders settled, after the provider was back</th>
<td>{{if .S.Unsettled}}{{.S.Unsettled}} are still queued{{else}}{{short .S.Settled}}{{end}}</td></tr>{{end}}
{{if .S.Options.ProviderURL}}<tr>
<th scope="row">Charges in the provider's ledger, for orders by card (second ones)</th>
<td>{{.S.Charges}}, {{.S.CardOrders}} ({{.S.DoubleCharges}})</td></tr>{{end}}
{{range .S.Cards}}<tr><th scope="row">SLO {{.ID}}, target {{.Target}} %</th><td>{{.Share}}: {{.State}}</td></tr>{{end}}
</tbody></table></div>
<h2>Latency of accepted orders, ms</h2>{{.Latency}}
<h2>Answers a second</h2>{{.Answers}}
<h2>Orders that wait for the payment provider</h2>{{.Waiting}}
<h2>By second</h2>
<div class="scroll"><table><thead><tr>
<th scope="col">Second</th><th scope="col">Completed</th><th scope="col">Queued</th><th scope="col">Throttled</th>
<th scope="col">Refused</th><th scope="col">Failed</th><th scope="col">Waiting</th>
<th scope="col">p50</th><th scope="col">p95</th>
<th scope="col">p99</th></tr></thead><tbody>
{{range $i, $x := .S.Seconds}}<tr><td>{{inc $i}}</td><td>{{$x.Completed}}</td><td>{{$x.Queued}}</td>
<td>{{$x.Throttled}}</td><td>{{$x.Refused}}</td><td>{{$x.Failed}}</td><td>{{$x.Waiting}}</td>
<td>{{short $x.P50}}</td>
<td>{{short $x.P95}}</td><td>{{short $x.P99}}</td></tr>
{{end}}</tbody></table></div>
</body></html>
`))

// write writes the HTML report.
func (s *Summary) write(file string) error {
	var latency, answers [3][]float64
	var labels []string
	var failures, waiting []float64
	for i, sec := range s.Seconds {
		labels = append(labels, fmt.Sprint(i+1))
		for k, d := range []time.Duration{sec.P50, sec.P95, sec.P99} {
			latency[k] = append(latency[k], float64(d.Microseconds())/1000)
		}
		for k, n := range []int{sec.Completed, sec.Queued, sec.Throttled} {
			answers[k] = append(answers[k], float64(n))
		}
		failures = append(failures, float64(sec.Refused+sec.Failed))
		waiting = append(waiting, float64(sec.Waiting))
	}
	first, err := lines(labels, []string{"p50", "p95", "p99"}, latency[:])
	if err != nil {
		return fmt.Errorf("load: draw latency: %w", err)
	}
	second, err := lines(
		labels,
		[]string{"Completed", "Queued", "Throttled", "Refused or failed"},
		append(answers[:], failures),
	)
	if err != nil {
		return fmt.Errorf("load: draw answers: %w", err)
	}
	third, err := lines(labels, []string{"Waiting"}, [][]float64{waiting})
	if err != nil {
		return fmt.Errorf("load: draw the queue: %w", err)
	}
	var out bytes.Buffer
	err = page.Execute(&out, map[string]any{"S": s, "Latency": first, "Answers": second, "Waiting": third})
	if err != nil {
		return fmt.Errorf("load: report: %w", err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("load: report: %w", err)
	}
	return nil
}

// lines draws series over the seconds of the run.
func lines(labels, names []string, values [][]float64) (template.HTML, error) {
	if len(labels) == 0 {
		return "", errors.New("there was no second to draw")
	}
	ink := charts.ColorRGB(120, 132, 148)
	theme := charts.MakeTheme(charts.ThemeOption{
		AxisStrokeColor: ink, AxisSplitLineColor: ink.WithAlpha(60), BackgroundColor: charts.ColorTransparent,
		TextColor: ink, TextColorLegend: ink, TextColorXAxis: ink, TextColorYAxis: ink,
		SeriesColors: []charts.Color{
			charts.ColorRGB(
				60,
				160,
				100,
			), charts.ColorRGB(214, 140, 40), charts.ColorRGB(66, 133, 214), charts.ColorRGB(200, 60, 60),
		},
	})
	option := charts.NewLineChartOptionWithData(values)
	option.Theme = theme
	option.XAxis.Labels = labels
	option.Legend.SeriesNames = names
	option.Symbol.Shape = charts.SymbolNone
	painter := charts.NewPainter(
		charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: 1000, Height: 320, Theme: theme},
	)
	if err := painter.LineChart(option); err != nil {
		return "", err
	}
	svg, err := painter.Bytes()
	// The chart holds our own numbers and names only.
	return template.HTML(svg), err
}
