package guard

import (
	"context"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/resilience"
)

// pagingCharges guards a gateway that has customers pay on pages of its provider
// too.
type pagingCharges struct {
	charges
	pages payment.PageGateway
}

// OpenPage implements payment.PageGateway.
func (p *pagingCharges) OpenPage(
	ctx context.Context, r payment.PageRequest,
) (page payment.Page, _ payment.Result) {
	result := call(ctx, p.breaker, payment.OutcomeNoEffect, func() (a payment.Result) {
		page, a = p.pages.OpenPage(ctx, r)
		return a
	})
	return page, result
}

// FindPage implements payment.PageGateway.
func (p *pagingCharges) FindPage(
	ctx context.Context, r payment.ChargeRequest, pageID string,
) (status payment.PaymentStatus, _ payment.Result) {
	result := call(ctx, p.breaker, payment.OutcomeUnknown, func() (a payment.Result) {
		status, a = p.pages.FindPage(ctx, r, pageID)
		return a
	})
	return status, result
}

// ClosePage implements payment.PageGateway.
func (p *pagingCharges) ClosePage(
	ctx context.Context, r payment.ChargeRequest, pageID string,
) (status payment.PaymentStatus, _ payment.Result) {
	result := call(ctx, p.breaker, payment.OutcomeNoEffect, func() (a payment.Result) {
		status, a = p.pages.ClosePage(ctx, r, pageID)
		return a
	})
	return status, result
}

// guardCharges guards g, with its pages where it has some.
func guardCharges(g payment.ChargeGateway, b *resilience.Breaker) payment.ChargeGateway {
	guarded := charges{next: g, breaker: b}
	if pages := payment.PagesOf(g); pages != nil {
		return &pagingCharges{guarded, pages}
	}
	return &guarded
}
