package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// chartSize is the width that a chart is drawn at in windows of at least From rem. It is
// shown as large as it was drawn, so that its letters have one size in every window; a wider
// window is given a wider drawing.
type chartSize struct{ From, Width int }

// The room that app.css leaves a chart across the page and one across half of it.
var (
	wideSizes = []chartSize{{97, 1250}, {80, 1000}, {65, 750}, {49, 700}, {38, 530}, {30, 410}, {23, 290}, {0, 248}}
	halfSizes = []chartSize{{97, 600}, {80, 470}, {65, 345}, {49, 320}, {38, 530}, {30, 410}, {23, 290}, {0, 248}}
)

func sizesOf(p picture) []chartSize {
	if p.wide {
		return wideSizes
	}
	return halfSizes
}

// chartSource is one drawing of a chart, for the windows that its condition names.
type chartSource struct{ Media, Address string }

// chartSources are the drawings of a chart but the smallest, widest first, and the smallest.
func chartSources(address string, p picture) (sources []chartSource, smallest string) {
	sizes := sizesOf(p)
	at := func(s chartSize) string { return fmt.Sprintf("%s&w=%d", address, s.Width) }
	for _, s := range sizes[:len(sizes)-1] {
		sources = append(sources, chartSource{fmt.Sprintf("(min-width: %drem)", s.From), at(s)})
	}
	return sources, at(sizes[len(sizes)-1])
}

// chartWidth reads the width that a page asks for: only those that it shows are drawn.
func chartWidth(r *http.Request, p picture) (int, error) {
	sizes := sizesOf(p)
	text := r.URL.Query().Get("w")
	if text == "" {
		return sizes[1].Width, nil
	}
	width, err := strconv.Atoi(text)
	if err != nil || !slices.ContainsFunc(sizes, func(s chartSize) bool { return s.Width == width }) {
		return 0, problem.Invalid("w", fmt.Sprintf("This chart is not available in the width %q.", input.Clip(text)))
	}
	return width, nil
}
