package stripegateway

import (
	"context"
	"fmt"
	"net/url"

	"github.com/stripe/stripe-go/v85"

	"github.com/returnkit/returnkit/orders/payment"
)

var _ payment.PageGateway = (*Gateway)(nil)

// maxPageURL bounds the address of a page, in bytes. Stripe's have some hundreds.
const maxPageURL = 4000

// OpenPage makes a Checkout Session in payment mode, under the key "<Key>:page". It
// has one item, the whole order, so that its total is exactly the amount. Our ids
// stand in the metadata of the session and of its PaymentIntent.
func (g *Gateway) OpenPage(ctx context.Context, r payment.PageRequest) (payment.Page, payment.Result) {
	amount, err := toUnit(r.Amount, r.Currency)
	if err != nil {
		return payment.Page{}, notSent(err)
	}
	ctx, s, cancel := g.call(ctx)
	defer cancel()
	ids := map[string]string{MetaOrderID: r.OrderID, MetaPaymentID: r.PaymentID}
	params := &stripe.CheckoutSessionCreateParams{
		Mode:               stripe.String(string(stripe.CheckoutSessionModePayment)),
		PaymentMethodTypes: []*string{stripe.String("card")},
		LineItems: []*stripe.CheckoutSessionCreateLineItemParams{{
			Quantity: stripe.Int64(1),
			PriceData: &stripe.CheckoutSessionCreateLineItemPriceDataParams{
				Currency: currencyOf(r.Currency), UnitAmount: stripe.Int64(amount),
				ProductData: &stripe.CheckoutSessionCreateLineItemPriceDataProductDataParams{
					Name: stripe.String(r.Description),
				},
			},
		}},
		// The customer pays what they were shown, in the currency it was shown in.
		AdaptivePricing:   &stripe.CheckoutSessionCreateAdaptivePricingParams{Enabled: stripe.Bool(false)},
		SuccessURL:        stripe.String(r.PaidURL),
		CancelURL:         stripe.String(r.UnpaidURL),
		ExpiresAt:         stripe.Int64(r.ExpiresAt.Unix()),
		ClientReferenceID: stripe.String(r.OrderID),
		Metadata:          ids,
		PaymentIntentData: &stripe.CheckoutSessionCreatePaymentIntentDataParams{Metadata: ids},
	}
	params.SetIdempotencyKey(r.Key + ":page")
	c, err := g.client.V1CheckoutSessions.Create(ctx, params)
	var page payment.Page
	var ok payment.Result
	if err == nil {
		if ok = g.checkSession(c, r.ChargeRequest, ""); ok.Outcome == payment.OutcomeDone {
			page, ok = opened(c, ok)
		}
	}
	return page, explainCharge(classify(err, s, ok, nil), r.ChargeRequest)
}

// opened is the page of a session that was just made.
func opened(c *stripe.CheckoutSession, a payment.Result) (payment.Page, payment.Result) {
	if c.Status != stripe.CheckoutSessionStatusOpen {
		// Made under the same key before, and over since.
		return payment.Page{}, unbelieved(a, fmt.Sprintf("session %s is %q and can't be paid", c.ID, c.Status))
	}
	u, err := url.Parse(c.URL)
	if err != nil || len(c.URL) > maxPageURL || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return payment.Page{}, unbelieved(a, fmt.Sprintf("session %s has no address that a browser can go to", c.ID))
	}
	return payment.Page{ProviderID: c.ID, URL: c.URL}, a
}

// FindPage reads the session with its PaymentIntent. It sends no key: reading has
// no effect. That it can't be read says nothing about the money, so a refusal is
// unknown.
func (g *Gateway) FindPage(
	ctx context.Context, r payment.ChargeRequest, pageID string,
) (payment.PaymentStatus, payment.Result) {
	ctx, s, cancel := g.call(ctx)
	defer cancel()
	params := &stripe.CheckoutSessionRetrieveParams{}
	params.AddExpand("payment_intent")
	c, err := g.client.V1CheckoutSessions.Retrieve(ctx, pageID, params)
	if err != nil {
		return "", notFound(classify(err, s, payment.Result{}, nil))
	}
	return g.sessionState(c, r, pageID, s)
}

// ClosePage expires the session, under the key "<Key>:expire". Stripe refuses it
// for one that is complete or has expired.
func (g *Gateway) ClosePage(
	ctx context.Context, r payment.ChargeRequest, pageID string,
) (payment.PaymentStatus, payment.Result) {
	ctx, s, cancel := g.call(ctx)
	defer cancel()
	params := &stripe.CheckoutSessionExpireParams{}
	params.AddExpand("payment_intent")
	params.SetIdempotencyKey(r.Key + ":expire")
	c, err := g.client.V1CheckoutSessions.Expire(ctx, pageID, params)
	if err != nil {
		return "", explain(classify(err, s, payment.Result{}, nil), chargeFailure)
	}
	return g.sessionState(c, r, pageID, s)
}

// checkSession checks that a session is the one that was asked about: of the
// order, its amount and currency, and the mode of the key. pageID is empty for a
// new one.
func (g *Gateway) checkSession(c *stripe.CheckoutSession, r payment.ChargeRequest, pageID string) payment.Result {
	a := payment.Result{Outcome: payment.OutcomeDone, ProviderID: c.ID, Status: string(c.Status)}
	amount, currency, err := fromUnit(c.AmountTotal, string(c.Currency))
	why := ""
	switch {
	case c.ID == "" || pageID != "" && c.ID != pageID:
		why = fmt.Sprintf("the answer is about session %q, and not about %s", c.ID, pageID)
	case g.live != nil && c.Livemode != *g.live:
		why = fmt.Sprintf("session %s has livemode %t, and the key has %t", c.ID, c.Livemode, *g.live)
	case c.Metadata[MetaOrderID] != r.OrderID || c.Metadata[MetaPaymentID] != r.PaymentID:
		why = fmt.Sprintf("session %s is of order %q and payment %q, and not of %s and %s",
			c.ID, c.Metadata[MetaOrderID], c.Metadata[MetaPaymentID], r.OrderID, r.PaymentID)
	case err != nil:
		why = err.Error()
	case amount != r.Amount || currency != r.Currency:
		why = fmt.Sprintf("session %s is of %d %s, and the request is of %d %s",
			c.ID, amount, currency, r.Amount, r.Currency)
	default:
		return a
	}
	return unbelieved(a, why)
}

// sessionState reads what a session says of its payment.
func (g *Gateway) sessionState(
	c *stripe.CheckoutSession, r payment.ChargeRequest, pageID string, s *seen,
) (payment.PaymentStatus, payment.Result) {
	a := g.checkSession(c, r, pageID)
	var state payment.PaymentStatus
	if a.Outcome == payment.OutcomeDone {
		if pi := c.PaymentIntent; pi != nil && pi.ID != "" {
			a = g.intent(pi.ID, stateRead)(pi)
		}
	}
	if a.Outcome == payment.OutcomeDone {
		state = pageState(c)
	}
	if a = classify(nil, s, a, nil); a.Outcome == payment.OutcomeDone && state == "" {
		a.Outcome = payment.OutcomeUnknown
	}
	if a.Outcome != payment.OutcomeDone {
		return "", explain(a, chargeFailure)
	}
	// The page has shown the customer that the card was declined.
	a.Code, a.Message = "", ""
	return state, a
}

// pageState is what a session means for the money, by its own state and its
// PaymentIntent's. Before the customer pays there may be no PaymentIntent. It is
// empty for what is not recognized.
//
// The PaymentIntent can be confirmed on the page alone, and never once the session
// has expired: https://docs.stripe.com/api/checkout/sessions/object.
func pageState(c *stripe.CheckoutSession) payment.PaymentStatus {
	var intent payment.PaymentStatus
	if c.PaymentIntent != nil {
		if intent = paymentStates[c.PaymentIntent.Status]; intent == "" {
			return ""
		}
	}
	if intent == payment.Captured || intent == payment.Processing && c.Status != stripe.CheckoutSessionStatusOpen {
		return intent
	}
	switch c.Status {
	case stripe.CheckoutSessionStatusOpen:
		return payment.Open
	case stripe.CheckoutSessionStatusExpired:
		return payment.Canceled
	case stripe.CheckoutSessionStatusComplete:
		if intent == payment.Canceled {
			return payment.Canceled
		}
	}
	return "" // complete, and not paid
}
