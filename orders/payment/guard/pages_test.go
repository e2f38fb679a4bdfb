package guard

import (
	"context"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
)

// paging is scripted with pages.
type paging struct{ scripted }

func (p *paging) OpenPage(context.Context, payment.PageRequest) (payment.Page, payment.Result) {
	return payment.Page{ProviderID: "cs"}, p.say()
}

func (p *paging) FindPage(
	context.Context, payment.ChargeRequest, string,
) (payment.PaymentStatus, payment.Result) {
	return p.status, p.say()
}

func (p *paging) ClosePage(
	context.Context, payment.ChargeRequest, string,
) (payment.PaymentStatus, payment.Result) {
	return p.status, p.say()
}

func TestPagesAreGuardedAndOnlyWhereThereAreSome(t *testing.T) {
	if payment.PagesOf(Charges(&scripted{}, newBreaker(t, 1))) != nil {
		t.Error("a gateway without pages has some behind the guard")
	}
	g, b := &paging{
		scripted{result: payment.Result{Outcome: payment.OutcomeDone}, status: payment.Open},
	}, newBreaker(t, 1)
	pages := payment.PagesOf(Charges(g, b))
	each := []struct {
		name    string
		do      func() (any, payment.Result)
		answer  any
		notSent payment.Outcome
	}{
		{"open", func() (any, payment.Result) { return pages.OpenPage(t.Context(), payment.PageRequest{}) },
			payment.Page{ProviderID: "cs"}, payment.OutcomeNoEffect},
		{"find", func() (any, payment.Result) { return pages.FindPage(t.Context(), payment.ChargeRequest{}, "cs") },
			payment.Open, payment.OutcomeUnknown},
		{"close", func() (any, payment.Result) { return pages.ClosePage(t.Context(), payment.ChargeRequest{}, "cs") },
			payment.Open, payment.OutcomeNoEffect},
	}
	for _, c := range each {
		t.Run(c.name, func(t *testing.T) {
			if got, a := c.do(); got != c.answer || a.Outcome != payment.OutcomeDone {
				t.Errorf("%v %+v", got, a)
			}
		})
	}
	b.ForceOpen(time.Time{})
	for _, c := range each {
		t.Run(c.name+" while the breaker is open", func(t *testing.T) {
			if _, a := c.do(); a.Outcome != c.notSent || a.Code != CodeOpen || g.calls != len(each) {
				t.Errorf("%+v after %d calls", a, g.calls)
			}
		})
	}
}
