package refunds

import "slices"

// owed is what a reference is yet to be paid, and by which payments.
type owed struct {
	request   QuoteRequest
	quote     Quote   // of all that the free payments pay now
	free      []int   // payments that have no refund of it which stands
	available int64   // of the free payments
	frozen    []Quote // what the parts of the free payments were of, where they sum to the quote; else nil
	intentID  string  // that new refunds belong to; empty: a new one
}

// standing are the refunds that are not tried anew; the others are nil.
func (d owed) standing(current []*Refund) []*Refund {
	out := slices.Clone(current)
	for _, p := range d.free {
		out[p] = nil
	}
	return out
}

// owed returns what the request comes to, with the refund there is of it on each
// payment (nil for none). A refund that is open or succeeded stands. Where none stands, all of
// it is owed, by all payments. Else what the parts that failed or await a method were
// of, and what was taken back and is not replaced: no more than the quote of now less
// the parts that stand. gridFor makes the grid.
func (r Request) owed(states []PaymentState, current []*Refund, grid Grid) (owed, error) {
	if err := r.checkPart(current); err != nil {
		return owed{}, err
	}
	d := owed{request: r.Quote}
	var k known
	for i, c := range current {
		if c == nil {
			continue
		}
		if len(d.request.Lines) == 0 {
			d.request = c.Request
		}
		if k.note(c, r.only(i)) {
			d.free, d.intentID = append(d.free, i), c.IntentID
		}
	}
	whole := k.replaced()
	if len(k.standing) > 0 && len(d.free) == 0 && whole {
		d.quote = merged(k.standing)
		return d, nil
	}
	for i, c := range current {
		if c == nil && r.only(i) && !(len(k.standing) > 0 && whole) {
			d.free = append(d.free, i)
		}
	}
	slices.Sort(d.free)
	return d, d.value(r, states, current, k, grid)
}

// known is what is stored of a reference.
type known struct {
	standing []Quote // of refunds that stay as they are
	again    []Quote // of refunds that are tried anew
	live     int64   // what both are of
	whole    int64   // what all is of
	others   int64   // what others had given back of refunds that are tried anew: it is owed again
}

// replaced reports whether nothing of it was taken back without being replaced.
func (k known) replaced() bool { return k.live-k.others >= k.whole }

// note counts a refund, and reports whether it is tried anew: where the request is
// about its payment, and it failed or awaits a method.
func (k *known) note(c *Refund, asked bool) bool {
	if k.live += c.Quote.part(); k.whole == 0 || c.Quote.whole() < k.whole {
		k.whole = c.Quote.whole()
	}
	if asked && (c.Status == StatusFailed || c.awaits()) {
		k.again, k.others = append(k.again, c.Quote), k.others+c.Quote.byOthers()
		return true
	}
	k.standing = append(k.standing, c.Quote)
	return false
}

// checkPart refuses a part of what has no parts yet.
func (r Request) checkPart(current []*Refund) error {
	none := !slices.ContainsFunc(current, func(r *Refund) bool { return r != nil })
	if r.PaymentID != "" && none {
		return badField("payment_id", "nothing was refunded yet, so no part can be carried on alone; leave it empty")
	}
	return nil
}

// only reports whether the request is about the i-th payment.
func (r Request) only(i int) bool {
	return r.PaymentID == "" || r.Payments[i].ID == r.PaymentID
}

// value quotes what is owed.
func (d *owed) value(
	r Request, states []PaymentState, current []*Refund, k known, grid Grid,
) (err error) {
	d.request = d.request.withoutOthers()
	given := states[0].Refunded
	if d.quote, err = NewQuoteOn(d.request, given, grid); err != nil {
		return err
	}
	if len(k.standing) > 0 {
		d.intentID = "" // what is opened now is a decision of its own
		d.beside(k)
	}
	var outside int64
	for _, p := range d.free {
		d.available += states[p].available(current[p], len(states) > 1)
		outside += states[p].Balance.Outside
	}
	d.keepFrozen(states, current)
	short := min(d.quote.Amount-d.available, outside)
	if !r.LessOutside || short <= 0 {
		return nil
	}
	d.frozen = nil
	d.request.Fees = append(d.request.Fees, FeeRule{Kind: PaidByOthers, Fixed: short})
	if len(k.standing) > 0 {
		d.quote = d.quote.lessOthers(short)
		return nil
	}
	d.quote, err = NewQuoteOn(d.request, given, grid)
	return err
}

// beside takes off the quote what the parts that stand are of.
func (d *owed) beside(k known) {
	left, before := k.whole, int64(0)
	for _, q := range k.standing {
		left -= q.part()
	}
	for _, q := range k.again {
		before += q.part()
	}
	left = max(left, before) // of what came back from others nothing was decided when the rest was
	d.quote = d.quote.without(k.standing)
	if d.quote.Whole = k.whole; d.quote.Amount > left {
		d.quote = d.quote.atMost(max(0, left))
	}
	if len(k.again) == len(d.free) && k.others == 0 && before == d.quote.Amount {
		d.frozen = k.again
	}
}

// keepFrozen opens the parts as they were, unless a payment has not enough left for
// its own: others gave back of it meanwhile. Then the quote is split anew.
func (d *owed) keepFrozen(states []PaymentState, current []*Refund) {
	for i, q := range d.frozen {
		if p := d.free[i]; q.Amount > states[p].available(current[p], len(states) > 1) {
			d.frozen = nil
			return
		}
	}
	if d.frozen != nil {
		d.quote = merged(d.frozen)
	}
}

// splitPayments are the free payments as Split takes them.
func (d owed) splitPayments(pays []Payment, states []PaymentState, current []*Refund) []SplitPayment {
	out := make([]SplitPayment, len(d.free))
	for i, p := range d.free {
		b := states[p].Balance
		available := states[p].available(current[p], len(states) > 1)
		refunded := b.Reserved + b.Refunded + states[p].Owed
		if c := current[p]; c != nil && c.awaits() {
			refunded -= c.Amount()
		}
		out[i] = SplitPayment{Method: pays[p].Method, Captured: b.Captured, Available: available,
			Refunded: min(max(0, refunded), b.Captured-available)}
	}
	return out
}

// paying leaves those payments free that give something back, lack it because others gave it
// back, or have a refund of it that is to end; the first where there is none. It returns their
// amounts, and what others gave back of each.
func (d *owed) paying(amounts []int64, states []PaymentState, current []*Refund) (parts, others []int64) {
	var free []int
	lacking := d.byOthers(states, current)
	for i, p := range d.free {
		if amounts[i] > 0 || lacking[i] > 0 || current[p] != nil {
			free, parts, others = append(free, p), append(parts, amounts[i]), append(others, lacking[i])
		}
	}
	if len(free) == 0 {
		free, parts, others = d.free[:1], amounts[:1], lacking[:1]
	}
	d.free = free
	return parts, others
}

// byOthers is how much of what others gave back each free payment lacks: no more than they
// gave back of it that no other refund lacks yet, and than it can pay once theirs comes back.
// What is left of it after all payments stands with the first that others gave back of.
func (d owed) byOthers(states []PaymentState, current []*Refund) []int64 {
	out := make([]int64, len(d.free))
	left := d.quote.byOthers()
	for _, lacked := range []bool{false, true} {
		for i, p := range d.free {
			unassigned := states[p].Balance.Outside - out[i]
			if !lacked {
				unassigned = min(unassigned-states[p].Carried, states[p].unassigned(current[p]))
			}
			more := min(left, max(0, unassigned))
			out[i] += more
			left -= more
		}
	}
	return out
}

// available is what a payment can give back of a reference, whose refund there is
// current: what that has reserved while it awaits a method is not missing to it. Where several
// payments paid the order, the rest that others left of a payment when their money came back is
// paid by that payment alone, and kept for it; where one did, the rest joins the next refund.
func (s PaymentState) available(current *Refund, several bool) int64 {
	var rest int64
	if several {
		rest = max(0, s.Carried-s.Balance.Outside)
	}
	return max(0, s.Balance.availableBeside(reservedBy(current))-s.Owed-rest)
}

// unassigned is what of a payment no refund has or is owed: what it can give back of a
// reference, whose refund there is current, if nothing of it had been given back by others.
func (s PaymentState) unassigned(current *Refund) int64 {
	b := s.Balance
	return max(0, b.Captured-b.Reserved+reservedBy(current)-b.Refunded-s.Owed-max(0, s.Carried))
}

// reservedBy is what a refund has reserved while it awaits a method.
func reservedBy(r *Refund) int64 {
	if r != nil && r.awaits() {
		return r.Amount()
	}
	return 0
}
