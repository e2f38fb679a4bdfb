package web

import (
	"fmt"
	"math"
	"net/http"

	"github.com/go-analyze/charts"

	"github.com/returnkit/returnkit/observability/observabilitydb"
)

// dashboardChart draws orders, returns and refunds by day. The figures stand
// in a table beside it, so that nothing is told by the picture alone.
func (s *server) dashboardChart(w http.ResponseWriter, r *http.Request) error {
	days, err := s.Daily.Daily(r.Context(), s.Now(), s.Zone, dashboardDays)
	if err != nil {
		return err
	}
	svg, err := drawDays(days)
	if err != nil {
		return fmt.Errorf("draw chart: %w", err)
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	// The picture carries its own styles and nothing else.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, err = w.Write(svg)
	return err
}

// drawDays draws on a clear ground with colours that are readable on light
// and on dark.
func drawDays(days []observabilitydb.Day) ([]byte, error) {
	data := make([][]float64, 3)
	labels := make([]string, len(days))
	for i, d := range days {
		labels[i] = d.Date.Format("2 Jan")
		for k, n := range []int{d.Orders, d.Returns, d.RefundsPaid} {
			data[k] = append(data[k], float64(n))
		}
	}
	ink := charts.ColorRGB(120, 132, 148)
	theme := charts.MakeTheme(charts.ThemeOption{
		AxisStrokeColor: ink, AxisSplitLineColor: ink.WithAlpha(60), BackgroundColor: charts.ColorTransparent,
		TextColor: ink, TextColorLegend: ink, TextColorXAxis: ink, TextColorYAxis: ink,
		SeriesColors: []charts.Color{charts.ColorRGB(66, 133, 214), charts.ColorRGB(214, 140, 40), charts.ColorRGB(60, 160, 100)},
	})
	option := charts.NewBarChartOptionWithData(data)
	option.Theme = theme
	option.CategoryAxis.Labels = labels
	option.Legend.SeriesNames = []string{"Orders", "Returns", "Refunds"}
	option.ValueFormatter = func(v float64) string {
		if v != math.Trunc(v) {
			return "" // there is no half an order
		}
		return fmt.Sprintf("%.0f", v)
	}
	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: 1000, Height: 320, Theme: theme})
	if err := painter.BarChart(option); err != nil {
		return nil, err
	}
	return painter.Bytes()
}
