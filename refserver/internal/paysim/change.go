package paysim

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// change executes a request that changes something, once per idempotency key.
// An error means that there must be no answer: the simulator was closed, or the
// ledger cannot be written.
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
	t := &tx{
		call: c, refuse: f == faultError4xx, chargeCode: plan.ChargeCode, refundCode: plan.RefundCode,
		failLater: d.later < plan.RefundFailsLater,
	}
	var stored *apiError
	if f == faultStored5xx {
		stored = serverError()
		if d.effect < 0.5 {
			op = nil
		}
	}
	a, seq, err := s.run(t, op, stored, fingerprint)
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

// newTx begins an execution. The caller holds the lock.
func (s *Simulator) newTx() *tx {
	return &tx{state: s.state, now: s.now(), newID: s.newID, settle: s.cfg.SettleAfter}
}

// run runs op (nil: no effect), stores the answer, or stored in its place,
// under the call's key, and writes all of it as one line, whose number it
// returns. The caller must wait for that line before it answers.
func (s *Simulator) run(t *tx, op operation, stored *apiError, fingerprint string) (answer, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := s.newTx()
	t.state, t.now, t.newID, t.settle = fresh.state, fresh.now, fresh.newID, fresh.settle
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
	case stored != nil:
		a = stored.answer()
	case refused != nil:
		a = refused.answer()
	default:
		a = answer{status: http.StatusOK, body: marshal(render())}
	}
	if t.call.key != "" {
		t.entry.Stored = &storedAnswer{Key: t.call.key, Fingerprint: fingerprint, At: t.now,
			Request: t.call.request, Status: a.status, Body: a.body}
		s.state.apply(&entry{Stored: t.entry.Stored})
	}
	if t.entry.empty() {
		return a, s.journal.last(), nil // refused, without a key to remember it by
	}
	seq, err := s.record(t)
	return a, seq, err
}

// control makes a change that no call of the API asked for, and returns when
// it is on disk.
func (s *Simulator) control(change func(*tx) error) error {
	seq, err := func() (uint64, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.stopped() {
			return 0, errJournalClosed
		}
		t := s.newTx()
		if err := change(t); err != nil || t.entry.empty() {
			return s.journal.last(), err
		}
		s.state.apply(&t.entry)
		return s.record(t)
	}()
	if err != nil {
		return err
	}
	return s.journal.wait(seq)
}

// record writes the line of a tx whose changes have been applied, together
// with the events that they cause, and sets the timers that they need. It
// returns the number of the line. The caller holds the lock.
func (s *Simulator) record(t *tx) (uint64, error) {
	e := &t.entry
	e.Events = s.makeEvents(t)
	s.state.apply(&entry{Events: e.Events})
	if e.Refund != nil {
		s.scheduleRefund(e.Refund)
	}
	if e.Session != nil {
		s.scheduleSession(e.Session)
	}
	e.At, e.Calls, e.Numbers = s.now(), s.calls.Load(), s.state.numbers
	seq, err := s.journal.append(marshal(e))
	if err != nil {
		if !errors.Is(err, errJournalClosed) {
			s.cfg.Logger.Error("payment simulator's ledger takes nothing more", "error", err)
		}
		return 0, err
	}
	if events := e.Events; len(events) > 0 {
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

// scheduleRefund sets the timer of a refund that is to settle, or stops that
// of one that has. The caller holds the lock.
func (s *Simulator) scheduleRefund(r *refund) {
	id := r.ID
	if old := s.timers[id]; old != nil {
		old.Stop()
		delete(s.timers, id)
	}
	if r.SettlesTo == "" || r.SettlesAt == nil {
		return
	}
	s.timers[id] = time.AfterFunc(max(0, r.SettlesAt.Sub(s.now())), func() {
		// A failure to write is logged where it happens, and every later answer is refused.
		_ = s.control(func(t *tx) error {
			delete(s.timers, id)
			if r := t.refundByID[id]; r != nil && r.SettlesTo != "" {
				t.settleRefund(r, r.SettlesTo, defaultFailure)
			}
			return nil
		})
	})
}
