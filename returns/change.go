package returns

import (
	"context"
	"fmt"
	"slices"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
)

// Units are the lines of one order, by order line id: what a [Store] guards.
type Units map[string]Unit

// Unit is how many units of an order line were bought, and how many of them
// returns claim.
type Unit struct{ Bought, Claimed int }

// Claims returns the units claimed, without the lines that nothing is claimed of.
func (u Units) Claims() Claims {
	claims := Claims{}
	for line, n := range u {
		if n.Claimed != 0 {
			claims[line] = n.Claimed
		}
	}
	return claims
}

// Change is a change of one return that was checked, and all that follows from
// it. A [Store] saves it as it is, whole or not at all, and judges nothing.
type Change struct {
	Before  *Return       // nil: a new return
	After   Return        // as it is to be kept
	Events  []event.Event // to be added to the return's
	Effects Effects
}

// Effects are what a change does outside of its return.
type Effects struct {
	// Claims are added to the units claimed, by order line id. None is zero.
	Claims map[string]int
	// RMADay is the UTC day, such as 20260131, whose next number the return gets.
	// It is empty if the return needs no number.
	RMADay string
}

// Empty reports whether there is nothing to save.
func (c Change) Empty() bool { return c.Before != nil && len(c.Events) == 0 }

// WithRMA returns the change with the RMA number n of Effects.RMADay, 1 for the
// first. A store calls it under the lock of its counter of that day.
func (c Change) WithRMA(n int) (Change, error) {
	after := c.After.Clone()
	last := c.Events[len(c.Events)-1]
	// The same actor and instant as the authorization it belongs to.
	stamp := event.Stamp{At: last.At, By: last.Actor, Source: last.Source}
	if err := after.assignRMA(stamp, rmaNumber(c.Effects.RMADay, n)); err != nil {
		return Change{}, err
	}
	c.Events = append(slices.Clone(c.Events), after.changes...)
	c.After = after.Clone()
	c.Effects.RMADay = ""
	return c, nil
}

// newChange checks the change from before (nil for a new return) to after, on
// the units of its order. For more units than are left it returns an [Error] with
// the code [AlreadyReturned].
func newChange(u Units, before, after *Return) (Change, error) {
	if err := checkSave(before, after); err != nil {
		return Change{}, err
	}
	c := Change{Before: before, After: after.Clone(), Events: after.changes, Effects: effectsOf(before, after)}
	for _, l := range after.Lines {
		if _, ok := u[l.OrderLineID]; !ok {
			return Change{}, fmt.Errorf("returns: return %s claims line %s, which is not of its order",
				after.ID, l.OrderLineID)
		}
	}
	for line, n := range c.Effects.Claims {
		if left := u[line].Bought - u[line].Claimed; n > left || u[line].Claimed+n < 0 {
			return Change{}, &Error{Code: Code(AlreadyReturned), Field: "quantity", Message: fmt.Sprintf(
				"%d more units can't be returned; %d of %d are left.", n, max(left, 0), u[line].Bought)}
		}
	}
	return c, nil
}

// checkSave refuses what was not made of before by the methods of a Return: a
// stale case, one of another order, or one past its authorization without a number.
func checkSave(before, after *Return) error {
	version := 0
	if before != nil {
		version = before.Version
		if before.ID != after.ID || before.OrderID != after.OrderID || len(before.Lines) != len(after.Lines) {
			return fmt.Errorf("returns: return %s can't be saved as return %s of another order or other lines",
				before.ID, after.ID)
		}
	}
	n := len(after.changes)
	if after.Version != version+n || before == nil && n == 0 {
		return fmt.Errorf("returns: stale save of return %s: version %d with %d events on version %d",
			after.ID, after.Version, n, version)
	}
	for i, e := range after.changes {
		if e.Seq != version+1+i || e.AggregateID != after.ID {
			return fmt.Errorf("returns: event %s of return %s stands where number %d belongs",
				e.ID, after.ID, version+1+i)
		}
	}
	if after.RMA == "" && !after.needsRMA() && !slices.Contains(unnumbered, after.Status) {
		return fmt.Errorf("returns: return %s is %s without an RMA number", after.ID, words(after.Status))
	}
	return checkTexts(after.changes, after)
}

// unnumbered are the statuses in which a case may be without an RMA number.
var unnumbered = []Status{StatusPendingCustomerInfo, StatusPendingAuthorization, StatusRejected, StatusCanceled}

func effectsOf(before, after *Return) Effects {
	e := Effects{Claims: after.claimedUnits()}
	if before != nil {
		for line, n := range before.claimedUnits() {
			e.Claims[line] -= n
		}
	}
	for line, n := range e.Claims {
		if n == 0 {
			delete(e.Claims, line)
		}
	}
	if after.needsRMA() && len(after.changes) > 0 {
		e.RMADay = after.changes[len(after.changes)-1].At.UTC().Format("20060102")
	}
	return e
}

// Changing is a function for [Store].Update that changes the return by f.
func Changing(f func(*Return) error) func(Units, Return) (Change, error) {
	return func(u Units, before Return) (Change, error) {
		after := before.Clone()
		if err := f(&after); err != nil {
			return Change{}, err
		}
		return newChange(u, &before, &after)
	}
}

// Creating is a function for [Store].Create that files the return which f makes
// for the order, knowing the units that other returns claim.
func Creating(o purchase.Purchase, f func(Claims) (*Return, error)) func(Units) (Change, error) {
	return func(u Units) (Change, error) {
		r, err := f(u.Claims())
		if err != nil {
			return Change{}, err
		}
		if r.OrderID != o.OrderID {
			return Change{}, fmt.Errorf(
				"returns: return %s is of order %s, not of order %s",
				r.ID,
				r.OrderID,
				o.OrderID,
			)
		}
		return newChange(u, nil, r)
	}
}

// create files the return that decide makes.
func (s *Service) create(
	ctx context.Context, o purchase.Purchase, decide func(Claims) (*Return, error),
) (Return, error) {
	return s.store.Create(ctx, o, Creating(o, decide))
}
