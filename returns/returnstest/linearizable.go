package returnstest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/returnkit/returnkit/internal/linear"
	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

// TestLinearizable runs random programs of parallel calls on the units of one order:
// requests and cancellations of returns, some cut off as by a crash. It fails if no
// order of the calls explains what they returned, with the shortest program it finds, as
// a Go test that calls ReplayLinearizable. newStore is called once.
func TestLinearizable(t *testing.T, newStore func(t *testing.T) returns.Store, programs int) {
	linearizable(t, newStore, func(b *bench) {
		b.terms = b.publish(policy()).ID
		linear.Search(b.T, unitsModel, func() linear.Object { return newOneOrder(b) }, replay, programs)
	})
}

// ReplayLinearizable runs a program that TestLinearizable printed some hundred times,
// until it fails again.
func ReplayLinearizable(t *testing.T, newStore func(t *testing.T) returns.Store, program [][]string) {
	linearizable(t, newStore, func(b *bench) {
		b.terms = b.publish(policy()).ID
		linear.Replay(b.T, unitsModel, func() linear.Object { return newOneOrder(b) }, program, replay)
	})
}

const replay = "returnstest.ReplayLinearizable(t, newStore"

func linearizable(t *testing.T, newStore func(t *testing.T) returns.Store, onUnits func(b *bench)) {
	suite.Run(t, []suite.Promise[*bench]{
		suite.Says("some order explains parallel calls", suite.By("on the units of an order", onUnits)),
	}, suite.Options[*bench]{Start: func(t *suite.T) *bench { return newBench(t, newStore) }})
}

// unitsState is an order of seven units, of which three returns claim one each.
type unitsState struct {
	Claimed  int
	Released [3]bool
}

const unitsBought = 7

var unitsModel = linear.Model[unitsState]{
	Init: unitsState{Claimed: 3},
	Random: func(r *rand.Rand) string {
		switch r.IntN(5) {
		case 0, 1:
			return fmt.Sprintf("request %d", 1+r.IntN(3))
		case 2, 3:
			return fmt.Sprintf("cancel %d", r.IntN(3))
		}
		return "claims"
	},
	Step: func(s unitsState, op string) (unitsState, string) {
		var verb string
		var n int
		_, _ = fmt.Sscan(op, &verb, &n) // the words that the verb has
		switch verb {
		case "request":
			if s.Claimed+n > unitsBought {
				return s, "refused"
			}
			s.Claimed += n
			return s, "requested"
		case "cancel":
			if s.Released[n] {
				return s, "again"
			}
			s.Released[n], s.Claimed = true, s.Claimed-1
			return s, "canceled"
		}
		return s, fmt.Sprint(s.Claimed)
	},
}

// oneOrder is an order in the store.
type oneOrder struct {
	*bench
	order   purchase.Purchase
	returns [3]string
}

func newOneOrder(b *bench) *oneOrder {
	o := &oneOrder{bench: b, order: b.order(newID(), unitsBought)}
	for i := range o.returns {
		o.returns[i] = b.filed(o.order, 1).ID
	}
	return o
}

var errAgain = errors.New("the return is canceled already")

// Do implements linear.Object.
func (o *oneOrder) Do(ctx context.Context, op string) (string, error) {
	var verb string
	var n int
	_, _ = fmt.Sscan(op, &verb, &n) // the words that the verb has
	switch verb {
	case "request":
		_, err := o.create(ctx, o.order, o.filing(o.order, false, n))
		return known("requested", err)
	case "cancel":
		_, err := o.change(ctx, o.returns[n], func(r *returns.Return) error {
			if r.Status == returns.StatusCanceled {
				return errAgain
			}
			return r.Cancel(o.stamp())
		})
		return known("canceled", err)
	}
	all, err := o.store.Claims(ctx, o.order.OrderID)
	return known(fmt.Sprint(all[o.order.OrderID][o.order.Lines[0].ID]), err)
}

// known is the answer of a call, or its error in a word; other errors say nothing of
// the call's effect.
func known(answer string, err error) (string, error) {
	switch {
	case err == nil:
		return answer, nil
	case errors.Is(err, errAgain):
		return "again", nil
	case returns.CodeOf(err) != "":
		return "refused", nil
	}
	return "", err
}
