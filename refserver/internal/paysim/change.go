package paysim

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// change executes a request that changes something, once per idempotency key.
// An error means that nobody may be told how it went: the simulator was
// closed, or the ledger can't be written.
func (s *Simulator) change(c *call, ep endpoint, plan *Faults, f fault, d draws) (answer, error) {
	fingerprint := c.params.fingerprint(c.path)
	if a, seen := s.begin(c, fingerprint, plan.keyAge()); a != nil {
		return *a, s.journal.wait(seen)
	}
	defer s.end(c)
	op, refused := ep.prepare(c)
	if refused != nil {
		return refused.answer(), nil
	}
	if !s.sleep(plan.latency()) {
		return answer{}, errJournalClosed
	}
	t := &tx{call: c, refuse: f == faultError4xx, failLater: d.later < plan.RefundFailsLater}
	var lie *apiError
	if f == faultStored5xx {
		lie = serverError()
		if d.effect < 0.5 {
			op = nil
		}
	}
	a, seq, err := s.execute(t, op, lie, fingerprint)
	if err != nil {
		return answer{}, err
	}
	return a, s.journal.wait(seq)
}

// begin looks the key up and marks it in flight. It returns the answer that
// the key's past gives, with the line of the ledger that it rests on, or nil
// when the request is to be executed.
func (s *Simulator) begin(c *call, fingerprint string, age time.Duration) (*answer, uint64) {
	if c.key == "" {
		return nil, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.prune(s.now().Add(-age))
	if stored := s.state.answers[c.key]; stored != nil {
		if stored.Fingerprint != fingerprint {
			a := keyReused(c.key).answer()
			return &a, 0
		}
		return &answer{status: stored.Status, body: stored.Body, original: stored.Request}, s.journal.last()
	}
	if other, ok := s.inFlight[c.key]; ok {
		refused := keyInUse(c.key)
		if other != fingerprint {
			refused = keyReused(c.key)
		}
		a := refused.answer()
		return &a, 0
	}
	s.inFlight[c.key] = fingerprint
	return nil, 0
}

func (s *Simulator) end(c *call) {
	if c.key == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inFlight, c.key)
}

// execute runs op (nil: no effect), stores the answer, or lie in its place,
// under the call's key, and puts all of it down as one line, whose number it
// returns. The caller must wait for that line before it tells anyone.
func (s *Simulator) execute(t *tx, op operation, lie *apiError, fingerprint string) (answer, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.state, t.now, t.newID, t.settle = s.state, s.now(), s.newID, s.cfg.SettleAfter
	var (
		render  func() any
		refused *apiError
		a       answer
	)
	if op != nil {
		render, refused = op(t)
		s.state.apply(&t.entry)
	}
	switch {
	case lie != nil:
		a = lie.answer()
	case refused != nil:
		a = refused.answer()
	default:
		a = answer{status: http.StatusOK, body: marshal(render())}
	}
	told := entry{Events: s.makeEvents(t)}
	if t.call.key != "" {
		told.Answer = &storedAnswer{Key: t.call.key, Fingerprint: fingerprint, At: t.now,
			Request: t.call.request, Status: a.status, Body: a.body}
	}
	s.state.apply(&told)
	t.entry.Answer, t.entry.Events = told.Answer, told.Events
	if r := t.entry.Refund; r != nil {
		s.schedule(r)
	}
	if t.entry.Intent == nil && t.entry.Refund == nil && t.entry.Answer == nil {
		return a, s.journal.last(), nil // refused, without a key to remember it by
	}
	seq, err := s.record(&t.entry)
	return a, seq, err
}

// record puts an entry down that has been applied. The caller holds the lock.
func (s *Simulator) record(e *entry) (uint64, error) {
	e.At, e.Calls, e.Numbers = s.now(), s.calls.Load(), s.state.numbers
	seq, err := s.journal.append(marshal(e))
	if err != nil {
		if errors.Is(err, errJournalClosed) {
			return 0, err
		}
		s.cfg.Logger.Error("payment simulator's ledger takes nothing more", "error", err)
		return 0, err
	}
	if len(e.Events) > 0 {
		events := e.Events
		s.hooks.run(func() {
			if s.journal.wait(seq) != nil {
				return
			}
			for _, ev := range events {
				s.hooks.enqueue(ev)
			}
		})
	}
	return seq, nil
}

// newID gives an id that is unique in this ledger, and, by the tag, among
// ledgers. The caller holds the lock.
func (s *Simulator) newID(prefix string) string {
	s.state.numbers++
	return fmt.Sprintf("%s_%s%08d", prefix, s.state.tag, s.state.numbers)
}

// schedule sees to it that a refund settles when it is due. The caller holds
// the lock.
func (s *Simulator) schedule(r *refund) {
	if r.SettlesTo == "" || r.SettlesAt == nil {
		return
	}
	id := r.ID
	s.timers[id] = time.AfterFunc(max(0, r.SettlesAt.Sub(s.now())), func() { s.settle(id) })
}

// settle moves a refund to the state that it was made to reach.
func (s *Simulator) settle(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.timers, id)
	old := s.state.refundByID[id]
	if old == nil || old.SettlesTo == "" || s.stopped() {
		return
	}
	r := *old
	r.Status, r.SettlesTo, r.SettlesAt = old.SettlesTo, "", nil
	t := &tx{state: s.state, now: s.now(), newID: s.newID}
	t.entry.Refund = &r
	view := func() any { return t.viewRefund(&r, nil) }
	t.emit("refund.updated", view)
	if r.Status == statusFailed {
		r.FailureReason = "expired_or_canceled_card"
		t.emit("refund.failed", view)
	}
	s.state.apply(&t.entry)
	told := entry{Events: s.makeEvents(t)}
	s.state.apply(&told)
	t.entry.Events = told.Events
	// A failure to record is logged there, and every later answer is refused.
	_, _ = s.record(&t.entry)
}
