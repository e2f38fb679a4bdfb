package resilience

import (
	"fmt"
	"slices"
	"time"
)

// model is the breaker as one would write it with nothing to care for but being
// right: lists of calls, walked each time, on one goroutine.
type model struct {
	cfg   Config
	state State
	gen   uint64
	since time.Duration
	until time.Duration // 0: no end

	finished    []finishedCall // of this generation, while closed
	flying      []*modelPermit // likewise
	consecutive int
	nextLook    time.Duration // when a further step of calls in flight is slow

	probes    []*modelPermit // that hold a place
	succeeded int

	openings int
	rejected int64
	outages  []Outage
	outage   bool
	changes  []string

	draws []int64 // what the breaker was given by Rand
}

type finishedCall struct {
	at      time.Duration
	outcome Outcome
	slow    bool
}

type modelPermit struct {
	gen   uint64
	start time.Duration
}

func (m *model) allow(now time.Duration) (*modelPermit, time.Duration, bool) {
	m.settle(now)
	p := &modelPermit{m.gen, now}
	switch m.state {
	case Closed:
		m.flying = append(m.flying, p)
		return p, 0, true
	case Disabled:
		return p, 0, true
	case HalfOpen:
		m.probes = slices.DeleteFunc(m.probes, func(p *modelPermit) bool { return now-p.start >= m.cfg.ProbeLease })
		if len(m.probes) < m.cfg.Probes-m.succeeded {
			m.probes = append(m.probes, p)
			return p, 0, true
		}
		wait := m.cfg.ProbeLease
		for _, p := range m.probes {
			wait = min(wait, p.start+m.cfg.ProbeLease-now)
		}
		m.rejected++
		return nil, roundedUp(wait, m.cfg.ProbeLease), false
	}
	m.rejected++
	if m.until == 0 {
		return nil, 0, false
	}
	return nil, roundedUp(m.until-now, m.until-m.since), false
}

func roundedUp(wait, total time.Duration) time.Duration {
	step := (total + 63) / 64
	return min((wait+step-1)/step*step, total)
}

func (m *model) done(p *modelPermit, o Outcome, now time.Duration) {
	if p.gen != m.gen || m.state == Disabled {
		return
	}
	slow := m.cfg.SlowCall > 0 && now-p.start >= m.cfg.SlowCall
	if m.state == HalfOpen {
		m.probes = slices.DeleteFunc(m.probes, func(q *modelPermit) bool { return p == q })
		switch {
		case o == Failure:
			m.open(now, ReasonProbeFailed)
		case slow:
			m.open(now, ReasonProbeSlow)
		case o == Success:
			if m.succeeded++; m.succeeded == m.cfg.Probes {
				m.enter(now, Closed, 0, ReasonProbesSucceeded)
			}
		}
		return
	}
	m.flying = slices.DeleteFunc(m.flying, func(q *modelPermit) bool { return p == q })
	m.finished = append(m.finished, finishedCall{now, o, slow})
	switch o {
	case Success:
		m.consecutive = 0
	case Failure:
		if m.consecutive++; m.consecutive == m.cfg.ConsecutiveFailures {
			m.open(now, ReasonConsecutiveFailures)
			return
		}
	}
	if o == Failure || slow {
		if r := m.verdict(now); r != 0 {
			m.open(now, r)
		}
	}
}

// counts walks the calls that the window shows.
func (m *model) counts(now time.Duration) (c Counts) {
	c.ConsecutiveFailures = int64(m.consecutive)
	if m.state != Closed || m.cfg.FailurePercent+m.cfg.SlowPercent == 0 {
		return c
	}
	width := m.cfg.Window / time.Duration(m.cfg.Buckets)
	oldest := (now/width - time.Duration(m.cfg.Buckets) + 1) * width
	m.finished = slices.DeleteFunc(m.finished, func(f finishedCall) bool { return f.at < oldest })
	for _, f := range m.finished {
		if f.outcome == Neutral {
			if f.slow {
				c.SlowNeutral++
			}
			continue
		}
		c.Calls++
		if f.outcome == Failure {
			c.Failures++
		}
		if f.slow {
			c.Slow++
		}
	}
	if m.cfg.SlowCall > 0 {
		step := max(m.cfg.SlowCall/64, 100*time.Microsecond)
		for _, p := range m.flying {
			if p.start/step*step+step+m.cfg.SlowCall <= now {
				c.SlowInFlight++
			}
		}
	}
	return c
}

func (m *model) verdict(now time.Duration) Reason {
	c := m.counts(now)
	least := int64(m.cfg.MinCalls)
	if p := int64(m.cfg.FailurePercent); p > 0 && c.Calls >= least && 100*c.Failures >= p*c.Calls {
		return ReasonFailureRate
	}
	slow, all := c.Slow+c.SlowNeutral+c.SlowInFlight, c.Calls+c.SlowNeutral+c.SlowInFlight
	if p := int64(m.cfg.SlowPercent); p > 0 && all >= least && 100*slow >= p*all {
		return ReasonSlowRate
	}
	return 0
}

// settle makes the changes that time brings.
func (m *model) settle(now time.Duration) {
	if m.until != 0 && now >= m.until {
		if m.state == Disabled {
			m.enter(now, Closed, 0, ReasonTimeOver)
		} else {
			m.enter(now, HalfOpen, 0, ReasonTimeOver)
		}
	}
	if m.cfg.SlowCall == 0 {
		return
	}
	switch m.state {
	case Closed:
		if now < m.nextLook {
			return
		}
		step := max(m.cfg.SlowCall/64, 100*time.Microsecond)
		m.nextLook = m.cfg.SlowCall + (max(0, now-m.cfg.SlowCall)/step+1)*step
		if m.counts(now).SlowInFlight > 0 {
			if r := m.verdict(now); r != 0 {
				m.open(now, r)
			}
		}
	case HalfOpen:
		for _, p := range m.probes {
			if now-p.start >= m.cfg.SlowCall {
				m.open(now, ReasonProbeSlow)
				return
			}
		}
	}
}

func (m *model) open(now time.Duration, r Reason) {
	d := m.cfg.OpenFor
	for range m.openings {
		d = min(2*d, m.cfg.MaxOpenFor)
	}
	m.openings++
	if m.cfg.JitterPercent > 0 && len(m.draws) > 0 {
		d -= time.Duration(m.draws[0])
		m.draws = m.draws[1:]
	}
	m.enter(now, Open, now+d, r)
}

func (m *model) enter(now time.Duration, s State, until time.Duration, r Reason) {
	m.gen++
	m.changes = append(m.changes, fmt.Sprintf("%d %v>%v %v at %v", m.gen, m.state, s, r, now))
	if s == Open && !m.outage {
		m.outage = true
		m.outages = append(m.outages, Outage{Cause: r, Rejected: -m.rejected})
	}
	if m.outage {
		o := &m.outages[len(m.outages)-1]
		if s == Open {
			o.Openings++
		}
		if s == Closed || s == Disabled {
			m.outage = false
			o.Repaired = r == ReasonProbesSucceeded
			o.Rejected += m.rejected
		}
	}
	if s == Closed || s == Disabled {
		m.openings = 0
	}
	m.state, m.since, m.until = s, now, until
	m.finished, m.flying, m.probes = nil, nil, nil
	m.consecutive, m.succeeded, m.nextLook = 0, 0, 0
}
