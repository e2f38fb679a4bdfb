package resilience

import (
	"sync/atomic"
	"time"
)

const (
	// flightSteps is into how many steps SlowCall is divided, unless they would be
	// shorter than minStep: the number of a step has to last for ten years.
	flightSteps = 64
	minStep     = int64(100 * time.Microsecond)
	// flightSlots is more than a call can pass through before it is slow, so that
	// what is left in a slot when it is used again is slow for certain.
	flightSlots = 2 * flightSteps

	countBits = 22
	countMask = 1<<countBits - 1
)

// flight counts the calls in flight by the step of time in which they began, so
// that the slow among them are known without a list of calls, a lock or an
// allocation. A slot is one word, the number of its step (42 bits) above the
// number of calls (22 bits), and is only ever changed as a whole: a call must
// never be taken out of a slot that has meanwhile passed to a later step. A slot
// never returns to an earlier one.
type flight struct {
	slow  int64 // SlowCall, in ns
	width int64 // of a step, in ns
	// overdue are calls that are slow and no longer in a slot. It can be negative
	// for the moment in which a slot passes on.
	overdue atomic.Int64
	// next is when the next step becomes slow.
	next  atomic.Int64
	_     [32]byte
	slots [flightSlots]atomic.Uint64
}

func newFlight(slow int64) *flight {
	return &flight{slow: slow, width: max(minStep, slow/flightSteps)}
}

// begin counts a call that starts at now.
func (f *flight) begin(now int64) {
	step := uint64(now / f.width)
	slot := &f.slots[step%flightSlots]
	for {
		word := slot.Load()
		switch at := word >> countBits; {
		case at == step:
			if slot.CompareAndSwap(word, word+1) {
				return
			}
		case at > step:
			// The clock went back, or this goroutine was suspended for twice SlowCall.
			f.overdue.Add(1)
			return
		default:
			if slot.CompareAndSwap(word, step<<countBits|1) {
				if left := int64(word & countMask); left > 0 {
					f.overdue.Add(left)
				}
				return
			}
		}
	}
}

// end takes out a call that began at start.
func (f *flight) end(start int64) {
	step := uint64(start / f.width)
	slot := &f.slots[step%flightSlots]
	for {
		word := slot.Load()
		if word>>countBits != step {
			f.overdue.Add(-1)
			return
		}
		if word&countMask == 0 {
			return
		}
		if slot.CompareAndSwap(word, word-1) {
			return
		}
	}
}

// due reports, once per step, that a further step of calls has become slow.
func (f *flight) due(now int64) bool {
	next := f.next.Load()
	if now < next {
		return false
	}
	return f.next.CompareAndSwap(next, f.slow+(f.slowStep(now)+1)*f.width)
}

// slowStep is the first step whose calls are not all slow at now.
func (f *flight) slowStep(now int64) int64 {
	return max(0, now-f.slow) / f.width
}

// slowAt counts the calls in flight that are slow at now.
func (f *flight) slowAt(now int64) int64 {
	first := uint64(f.slowStep(now))
	n := f.overdue.Load()
	for i := range f.slots {
		word := f.slots[i].Load()
		if word>>countBits < first {
			n += int64(word & countMask)
		}
	}
	return max(0, n)
}
