package refunds

// StateOf returns what is known of a payment with the balance when a refund for r is decided:
// the rule that [PaymentState] states, for stores that can load all refunds of an order. They
// are of r.OrderID, in the order in which they were made, refunds of r.ClientReference
// included. Nothing of them is kept.
func StateOf(r OpenRequest, b Balance, all []Refund) PaymentState {
	state := PaymentState{Balance: b, Refunded: map[string]Refunded{}}
	for i := range all {
		other := &all[i]
		counts := other.Status.CountsAgainstCaptured()
		if other.ClientReference == r.ClientReference || !counts && !Owed(*other, all) {
			continue
		}
		if other.PaymentID == r.PaymentID {
			state.Carried += other.Quote.Rest()
			if !counts {
				state.Owed += other.Amount()
			}
		}
		for _, l := range other.Quote.Lines {
			g := state.Refunded[l.OrderLineID]
			g.Units += l.Units
			g.Components = g.Components.Add(l.Refunded)
			state.Refunded[l.OrderLineID] = g
		}
	}
	return state
}

// Owed reports whether a refund is a part that is still owed: one that failed while others of
// its reference stand, or that was taken back and no refund after replaces, see [PaymentState].
// all are the refunds of its reference, or of its order, in the order in which they were made.
func Owed(r Refund, all []Refund) bool {
	if r.Status.CountsAgainstCaptured() || !r.Quote.Part() {
		return false
	}
	latest := map[string]*Refund{} // of the reference, by payment
	for i := range all {
		if all[i].ClientReference == r.ClientReference {
			latest[all[i].PaymentID] = &all[i]
		}
	}
	if latest[r.PaymentID].ID != r.ID {
		return false // replaced
	}
	live, whole, stands := int64(0), int64(0), false
	for _, other := range latest {
		if other.Status != StatusReversed {
			w := other.Quote.whole()
			if live += other.Quote.part(); whole == 0 || w < whole {
				whole = w
			}
		}
		stands = stands || other.Status.CountsAgainstCaptured()
	}
	return stands && (r.Status == StatusFailed || live < whole)
}
