package observabilitydb

import (
	"slices"
	"time"
)

// Cycle is how long the returns took that were closed in a quarter.
type Cycle struct {
	Total  Spread   // from the request to the close
	Stages []Spread // in order, each over the returns that went through it
}

// Spread describes durations, exact to the microsecond. Median and P90 are by
// nearest rank: the smallest duration that half, or nine tenths, are not above.
type Spread struct {
	Name        string // total, authorization, transit, inspection, payback
	N           int
	Avg         time.Duration
	Median, P90 time.Duration
}

// The stages of a return: until it is authorized, until its goods are
// received, until it is decided, until it is closed.
var stageNames = [...]string{"authorization", "transit", "inspection", "payback"}

// cycle describes the returns closed in a span.
func cycle(s span, days []*day) Cycle {
	var total []time.Duration
	var stages [len(stageNames)][]time.Duration
	for _, d := range days {
		for i := range d.cases {
			at := &d.cases[i]
			if end := at[len(at)-1].Time(); end.Before(s.from) || !end.Before(s.to) {
				continue
			}
			total = append(total, at[len(at)-1].Time().Sub(at[0].Time()))
			for i := range stages {
				if !at[i].IsZero() && !at[i+1].IsZero() {
					stages[i] = append(stages[i], max(0, at[i+1].Time().Sub(at[i].Time())))
				}
			}
		}
	}
	c := Cycle{Total: spread("total", total)}
	for i, name := range stageNames {
		c.Stages = append(c.Stages, spread(name, stages[i]))
	}
	return c
}

func spread(name string, all []time.Duration) Spread {
	n := len(all)
	if n == 0 {
		return Spread{Name: name}
	}
	slices.Sort(all)
	var sum time.Duration // microseconds, so that centuries fit
	for _, d := range all {
		sum += d / time.Microsecond
	}
	return Spread{
		Name: name, N: n, Avg: sum / time.Duration(n) * time.Microsecond,
		Median: all[(n+1)/2-1], P90: all[(9*n+9)/10-1],
	}
}
