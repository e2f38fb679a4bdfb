package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// row is a line of the table.
type row struct {
	what, who string
	figure    string
	spread    string // of the rounds
	extra     string
	target    string // what ours is to reach; empty for peers
}

func head(w io.Writer) {
	fmt.Fprintln(w, "| what | who | median | rounds | also | target |")
	fmt.Fprintln(w, "| --- | --- | ---: | --- | --- | --- |")
}

func (r row) write(w io.Writer) {
	who := r.who
	if r.target != "" {
		who = "**" + who + "**"
	}
	fmt.Fprintln(w, "| "+strings.Join([]string{r.what, who, r.figure, r.spread, r.extra, r.target}, " | ")+" |")
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

func spread(list []float64, format string) string {
	return fmt.Sprintf(format+" to "+format, slices.Min(list), slices.Max(list))
}

// verdict says beside a target whether it was reached.
func verdict(target string, reached bool) string {
	if reached {
		return target + ": reached"
	}
	return target + ": missed"
}
