package refundstest

import (
	"slices"
	"testing"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/payment"
)

// What a case needs to be judged.
const (
	needsFaults  = "Sandbox.Fault is nil, so calls can't be made to go wrong"
	needsLimit   = "Sandbox.Unlimited is set, so the provider does not check what was captured"
	needsLater   = "Sandbox.Later is nil, so the provider can't be made to decide later"
	needsLookUps = "the gateway's refunds are found by messages alone"
	needsOurID   = "the gateway's refunds are not found by our id"
)

// gatewayPromise is a promise of payment.RefundGateway, and what its cases need.
type gatewayPromise struct {
	sentence string
	cases    []gatewayCase
}

type gatewayCase struct {
	name  string
	run   func(s *sandbox)
	needs []string
}

// gatewayPromises are the numbered sentences of payment.RefundGateway.
var gatewayPromises = []gatewayPromise{
	{"1. A refund is done, or decided later, and the result has the provider's id of it.", []gatewayCase{
		{"a refund is done and found", gatewayDone, nil},
	}},
	{"2. A key pays once, however often and by however many it is sent, and another key pays again.", []gatewayCase{
		{"the same key again pays once", gatewaySameKey, nil},
		{"one key from many callers at once pays once", gatewayAtOnce, nil},
	}},
	{"3. Other parameters under a key are not paid.", []gatewayCase{
		{"the same key with other parameters is not paid", gatewayOtherParameters, nil},
	}},
	{"4. FindRefund finds a refund by its attempt, and not by its refund, over all pages.", []gatewayCase{
		{"an attempt is found by its id over all pages", gatewayPages, []string{needsLookUps}},
		{"a second attempt of one refund is another", gatewaySecondAttempt, []string{needsLookUps}},
	}},
	{"5. OutcomeAbsent means that all was read and it is not there, not that the look-up failed.", []gatewayCase{
		{"an attempt that was never sent is absent", gatewayAbsent, []string{needsOurID}},
		{"a look-up that fails never says absent", gatewayLookupFails, []string{needsLookUps, needsFaults}},
	}},
	{"6. What the provider refuses is not paid, and is declined.", []gatewayCase{
		{"more than was captured is refused", gatewayTooMuch, []string{needsLimit}},
		{"a payment that is not there is not refunded", gatewayNoPayment, []string{needsLimit}},
	}},
	{"7. Each amount is paid to the minor unit, in each currency that the provider takes.", []gatewayCase{
		{"odd and large amounts in each currency", gatewayAmounts, nil},
	}},
	{"8. What the provider decides later is not done before it is decided.", []gatewayCase{
		{"a refund that waits is not done until it is", gatewayLater, []string{needsLater}},
	}},
	{"9. A call without an answer, or with a server error, is unknown, with its effect or without.", []gatewayCase{
		{"no answer before the effect is unknown", gatewayLostBefore, []string{needsFaults}},
		{"no answer after the effect is unknown, and found", gatewayLostAfter, []string{needsFaults}},
		{"a server error is unknown, before and after the effect", gatewayServerError, []string{needsFaults}},
	}},
	{"10. A call ends with its context, and then it is no answer.", []gatewayCase{
		{"a context that has ended is no answer", gatewayCanceled, nil},
		{"silence ends with the context and is unknown", gatewayHang, []string{needsFaults}},
	}},
	{"11. OutcomeNoEffect means that certainly nothing was paid, and the key may be sent again.", []gatewayCase{
		{"a key in flight and a rate limit are nothing", gatewayNothing, []string{needsFaults}},
	}},
}

// promisesOf are the promises with all their cases.
func promisesOf(promises []gatewayPromise) (all []suite.Promise[*sandbox]) {
	for _, p := range promises {
		one := suite.Says[*sandbox](p.sentence)
		for _, c := range p.cases {
			one.Cases = append(one.Cases, suite.By(c.name, c.run))
		}
		all = append(all, one)
	}
	return all
}

// judgeable leaves out, and logs, what the sandbox has no means for.
func judgeable(t *testing.T, can Sandbox) []suite.Promise[*sandbox] {
	found := payment.CapabilitiesOf(can.Gateway).Find
	lacks := map[string]bool{
		needsFaults: can.Fault == nil, needsLimit: can.Unlimited, needsLater: can.Later == nil,
		needsLookUps: found == payment.FindByMessage, needsOurID: found != payment.FindByOurID,
	}
	var all []gatewayPromise
	for _, p := range gatewayPromises {
		p.cases = slices.DeleteFunc(slices.Clone(p.cases), func(c gatewayCase) bool {
			i := slices.IndexFunc(c.needs, func(need string) bool { return lacks[need] })
			if i >= 0 {
				t.Logf("left out %q: %s", c.name, c.needs[i])
			}
			return i >= 0
		})
		if len(p.cases) > 0 {
			all = append(all, p)
		}
	}
	return promisesOf(all)
}
