package orders

import (
	"context"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// Pages is how customers pay on a page of the provider's
// (CheckoutRequest.OnPage). It needs a Gateway that is a payment.PageGateway.
type Pages struct {
	// Life is how long after the purchase the page takes the payment; afterwards the
	// order is canceled and its stock released. A page that could not be opened
	// within half of it is given up. More than 0, at most 24 h; default 1 h. Stripe
	// opens no page that ends in less than 30 min, so 1 h or more with Stripe.
	Life time.Duration
	// PaidURL and UnpaidURL return where the provider sends the customer after the
	// payment, and without one. They are asked again for each retry, and must not
	// change for an order. Without them no order is paid on a page.
	PaidURL, UnpaidURL func(orderID string) string
}

func (p Pages) on() bool { return p.PaidURL != nil && p.UnpaidURL != nil }

// maxPageLife is the longest life of a page that Stripe allows.
const maxPageLife = 24 * time.Hour

func (c Config) checkPages() error {
	switch p := c.Pages; {
	case p.Life <= 0 || p.Life > maxPageLife:
		return badConfig("Pages.Life", fmt.Sprintf("%s is out of range; more than 0, at most %s", p.Life, maxPageLife))
	case (p.PaidURL == nil) != (p.UnpaidURL == nil):
		return badConfig("Pages", "one of PaidURL and UnpaidURL is set; set both or none")
	case p.on() && payment.PagesOf(c.Gateway) == nil:
		return badConfig("Pages", "the addresses are set, and the Gateway has no pages")
	}
	return nil
}

// PaymentPage is the page of the provider's on which an order is paid.
type PaymentPage struct {
	ProviderID string // the provider's id of it, empty until it is open
	// URL is where the customer pays. Whoever has it can pay, so it is for the
	// customer alone.
	URL string
	// ExpiresAt is from when on it takes no payment, whole seconds; zero for a
	// payment that is not made on a page.
	ExpiresAt time.Time
}

// OnPage reports whether the customer pays on a page of the provider's.
func (p Payment) OnPage() bool { return !p.Page.ExpiresAt.IsZero() }

// PayAt returns the address at which the customer can pay the order at the
// instant, empty where there is none: it is settled, not paid on a page, or its
// page is not open yet, or no longer.
func (o *Order) PayAt(now time.Time) string {
	if !o.open() || !now.Before(o.Payment.Page.ExpiresAt) {
		return ""
	}
	return o.Payment.Page.URL
}

// atProvider reports whether something stands at the provider that a customer's
// money can be captured with.
func (p Payment) atProvider() bool { return p.ProviderID != "" || p.Page.ProviderID != "" }

// checkPage refuses a checkout on a page where there is none.
func (r CheckoutRequest) checkPage(c Config) error {
	switch {
	case !r.OnPage:
	case !c.Pages.on():
		return &Error{Code: CodeInvalid, Field: "payment_method", Message: "there is no payment page in this shop"}
	case r.Method == payment.Cash:
		return &Error{Code: CodeInvalid, Field: "payment_method", Message: "cash is not paid on a page of the provider"}
	case r.Token != "":
		return &Error{Code: CodeInvalid, Field: "token",
			Message: "it is set; on a page of the provider the customer enters the card there"}
	}
	return nil
}

// pageExpiry is until when the page of an order placed at the instant takes its
// payment; zero for one that is not paid on a page.
func (s *Service) pageExpiry(r CheckoutRequest, at time.Time) time.Time {
	if !r.OnPage {
		return time.Time{}
	}
	return at.Add(s.cfg.Pages.Life).UTC().Truncate(time.Second)
}

// pageRequest is what the provider is asked for, the same on every attempt.
func (s *Service) pageRequest(o *Order) payment.PageRequest {
	return payment.PageRequest{
		ChargeRequest: o.chargeRequest(), Description: "Order " + o.Number, ExpiresAt: o.Payment.Page.ExpiresAt,
		PaidURL: s.cfg.Pages.PaidURL(o.ID), UnpaidURL: s.cfg.Pages.UnpaidURL(o.ID),
	}
}

// pageCall makes the call of an action of an order that is paid on a page.
func (s *Service) pageCall(ctx context.Context, o *Order, do action) (
	page payment.Page, status payment.PaymentStatus, r payment.Result, err error,
) {
	gateway := payment.PagesOf(s.cfg.Gateway)
	if gateway == nil || !s.cfg.Pages.on() {
		// It was placed by a shop that had pages.
		r = payment.Result{Outcome: payment.OutcomeUnknown, Message: "this shop has no payment pages any more"}
		return page, "", r, nil
	}
	switch request, id := o.chargeRequest(), o.Payment.Page.ProviderID; do {
	case actCreate:
		page, r = gateway.OpenPage(ctx, s.pageRequest(o))
		if r.Outcome == payment.OutcomeDone && (page.ProviderID == "" || page.URL == "") {
			r.Outcome, r.Message = payment.OutcomeUnknown, "the answer names no page"
		}
	case actLookUp:
		status, r = gateway.FindPage(ctx, request, id)
	case actCancel:
		status, r = gateway.ClosePage(ctx, request, id)
	default:
		err = fmt.Errorf("orders: %s is not a call about a page", do)
	}
	if status == payment.Captured && r.ProviderID == "" {
		status, r.Outcome = "", payment.OutcomeUnknown
		r.Message = "it is paid, and the answer does not name the payment"
	}
	return page, status, r, err
}

// paidBy notes the payment that a look-up of the page found: it is what is refunded.
func (o *Order) paidBy(status payment.PaymentStatus, found payment.Result) {
	if o.Payment.OnPage() && status == payment.Captured {
		o.Payment.ProviderID = found.ProviderID
	}
}

// pageOver is why an order on a page is to end unpaid, empty while it is not.
func (s *Service) pageOver(o Order) string {
	p, now := o.Payment, s.now()
	switch {
	case !p.OnPage():
	case p.Page.ProviderID == "" && now.Sub(o.PlacedAt) >= s.cfg.Pages.Life/2:
		return "the payment page could not be opened"
	case !now.Before(p.Page.ExpiresAt):
		return "not paid on the payment page by " + p.Page.ExpiresAt.Format(time.RFC3339)
	}
	return ""
}

// pageWait is how long after a look-up that found the page open the next one is
// made. The provider's message and the customer who comes back are sooner. With
// jitter it stays below Horizon.
const pageWait = time.Minute

// awaitCustomer records that the customer can pay, and releases the lease. A
// look-up that found nothing new is no event: there may be one a minute.
func (s *Service) awaitCustomer(ctx context.Context, o *Order, x *execution) error {
	now := s.now()
	next := now.Add(s.cfg.Jitter(pageWait))
	if end := o.Payment.Page.ExpiresAt.Add(time.Second); next.After(end) {
		next = end
	}
	next = instant(next)
	st := s.worker(ctx)
	switch w := &o.Payment.Work; {
	case x.last == actCreate:
		if err := o.openPage(st, x.page, next); err != nil {
			return err
		}
	case w.LastError != "":
		if err := o.record(st, EventPageAwaited, &pageAwaited{NextAt: next}); err != nil {
			return err
		}
	default:
		w.NextAt = next
		w.Lease("", time.Time{})
	}
	if o.Status == StatusSubmitted {
		return o.Queue(st, "waiting for the customer to pay on the provider's page")
	}
	return nil
}

// openPage records the page, on which the customer may pay from now on.
func (o *Order) openPage(s event.Stamp, page payment.Page, next time.Time) error {
	if !o.needsCharge() || !o.Payment.OnPage() || o.Payment.Page.ProviderID != "" {
		return o.refuse("paid on a new page")
	}
	return o.record(s, EventPageOpened, &pageOpened{Reference: page.ProviderID, URL: page.URL, NextAt: next})
}

type pageOpened struct {
	Reference string    `json:"reference"`
	URL       string    `json:"url"`
	NextAt    time.Time `json:"next_at"`
}

func (p *pageOpened) apply(o *Order, _ time.Time) {
	o.Payment.Page.ProviderID, o.Payment.Page.URL = p.Reference, p.URL
	o.Payment.Status, o.Payment.Failure = PaymentUnknown, ""
	o.Payment.Work = payment.Work{NextAt: p.NextAt, Attempts: o.Payment.Work.Attempts + 1}
}

type pageAwaited struct {
	NextAt time.Time `json:"next_at"`
}

func (p *pageAwaited) apply(o *Order, _ time.Time) {
	o.Payment.Status, o.Payment.Failure = PaymentUnknown, ""
	o.Payment.Work = payment.Work{NextAt: p.NextAt, Attempts: o.Payment.Work.Attempts + 1}
}

// CheckPayment looks the payment of an order up now, and settles the order by what
// the provider says: what to do when a customer comes back from the provider's page,
// since that they come back proves nothing. It waits up to Config.PaymentWait, as
// Checkout does, and returns the order as it is then. An order that is settled, or
// in the review queue, is returned as it is; for one that is being charged at this
// moment it waits. On a service of With it is payment.ErrInTransaction.
func (s *Service) CheckPayment(ctx context.Context, id string) (Order, error) {
	if err := s.outside("check a payment"); err != nil {
		return Order{}, err
	}
	lease, taken := s.cfg.NewID(), false
	o, err := s.store.Update(ctx, id, func(o *Order) error {
		now := s.now()
		w := &o.Payment.Work
		if taken = o.needsCharge() && !w.NeedsReview && !w.LeaseUntil.After(now); taken {
			w.Lease(lease, now.Add(s.cfg.Lease))
		}
		return nil
	})
	switch {
	case err != nil:
		return Order{}, err
	case taken:
		return s.chargeNow(ctx, o, lease)
	case o.open() && !o.Payment.Work.NeedsReview:
		return s.awaitCharge(ctx, o)
	}
	return o, nil
}
