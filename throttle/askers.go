package throttle

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// ticks is how many times in a window the number of keys that ask is looked at.
const ticks = 16

// askers counts the keys that asked of late, in memory that never grows, and
// keeps the virtual time that runs slower the more of them there are.
type askers struct {
	window, tick int64
	now          atomic.Pointer[pace]
	turn         sync.Mutex // of who replaces the pace
	seen         [2]bitmap
}

// pace is the number of keys that ask, from an instant on.
type pace struct {
	at        int64 // the instant
	virtualAt int64 // the virtual time at it
	n         int64 // how many keys ask, 1 or more
	current   int   // the bitmap of this window
	until     int64 // the end of this window
}

// virtual returns the virtual time at now.
func (p *pace) virtual(now int64) int64 { return p.virtualAt + (now-p.at)/p.n }

// bitmap is a set of hashes.
type bitmap struct {
	words []atomic.Uint64 // a power of two of them
	count atomic.Int64
	_     [32]byte
}

func newAskers(maxKeys int, window time.Duration) *askers {
	words := 1 << bits.Len(uint(max(maxKeys, 1024)-1)) / 64
	a := &askers{window: int64(window), tick: max(1, int64(window)/ticks)}
	for i := range a.seen {
		a.seen[i].words = make([]atomic.Uint64, words)
	}
	a.now.Store(&pace{n: 1, until: a.window})
	return a
}

// note counts the key with the hash as asking, and returns the pace at now. A
// second key counts at once, so that the first is never taken to be alone.
func (a *askers) note(now int64, h uint64) *pace {
	p := a.at(now)
	b := &a.seen[p.current]
	word, bit := &b.words[h>>6&uint64(len(b.words)-1)], uint64(1)<<(h&63)
	if word.Load()&bit == 0 && word.Or(bit)&bit == 0 && b.count.Add(1) > 1 && p.n == 1 {
		p = a.replace(p, now)
	}
	return p
}

// at returns the pace at now.
func (a *askers) at(now int64) *pace {
	p := a.now.Load()
	if now-p.at >= a.tick && a.turn.TryLock() {
		p = a.follow(now)
		a.turn.Unlock()
	}
	return p
}

// replace returns the pace that follows p, made here or by another goroutine.
func (a *askers) replace(p *pace, now int64) *pace {
	a.turn.Lock()
	defer a.turn.Unlock()
	if q := a.now.Load(); q != p {
		return q
	}
	return a.follow(now)
}

// follow makes the pace from now on. The turn is held.
func (a *askers) follow(now int64) *pace {
	p := a.now.Load()
	next := pace{at: max(now, p.at), current: p.current, until: p.until}
	next.virtualAt = p.virtual(next.at)
	for i := 0; next.at >= next.until && i < 2; i++ {
		next.current ^= 1
		a.seen[next.current].clear()
		next.until += a.window
	}
	if next.at >= next.until { // nobody has asked for two windows
		next.until = next.at + a.window
	}
	next.n = max(1, a.seen[0].size(), a.seen[1].size())
	a.now.Store(&next)
	return &next
}

// size returns how many hashes were set; above an eighth of the bits it makes up
// for those that fell on a bit already set.
func (b *bitmap) size() int64 {
	n, m := b.count.Load(), int64(len(b.words))*64
	switch {
	case n < m/8:
		return n
	case n >= m:
		return m * int64(bits.Len64(uint64(m)))
	}
	return int64(-float64(m) * math.Log1p(-float64(n)/float64(m)))
}

func (b *bitmap) clear() {
	if b.count.Swap(0) == 0 {
		return
	}
	for i := range b.words {
		b.words[i].Store(0)
	}
}
