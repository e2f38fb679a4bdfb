package app

import (
	"context"
	"errors"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/resilience"
)

// gateway is the payment provider: it takes money and pays it back.
type gateway interface {
	payment.ChargeGateway
	payment.RefundGateway
}

// guardedGateway puts one breaker between the shop and its payment provider,
// for charges and refunds alike: when one finds it down, the other need not.
//
// While the breaker is open no call is made. One that would have an effect
// then ends as nothing happened: it was not even sent. A look-up ends as
// unknown, because for a look-up "nothing" is what the provider says.
type guardedGateway struct {
	inner   gateway
	breaker *resilience.Breaker
}

var _ gateway = (*guardedGateway)(nil)

// codeOpen is the Code of an answer that the breaker gave.
const codeOpen = "breaker_open"

// call makes one call if the breaker lets it. refused is the outcome if not;
// lookUp says that nothing is an answer.
func (g *guardedGateway) call(
	ctx context.Context,
	refused payment.Outcome,
	lookUp bool,
	fn func() payment.Result,
) payment.Result {
	permit, err := g.breaker.Allow()
	if err != nil {
		return payment.Result{Outcome: refused, Code: codeOpen, Message: err.Error()}
	}
	verdict := resilience.Failure // what a panic in fn counts as
	defer func() { permit.Done(verdict) }()
	a := fn()
	verdict = judge(ctx, a, lookUp)
	return a
}

// judge says what an answer tells of the provider's health. A definite no is
// a provider at work; one that asks to come later, or repeats a stored answer,
// tells nothing, nor does a call that our own caller gave up.
func judge(ctx context.Context, a payment.Result, lookUp bool) resilience.Outcome {
	switch a.Outcome {
	case payment.OutcomeDone,
		payment.OutcomeDeclined,
		payment.OutcomeAbsent,
		payment.OutcomePending,
		payment.OutcomeRequiresAction:
		return resilience.Success
	case payment.OutcomeNoEffect:
		if lookUp {
			return resilience.Success
		}
		return resilience.Neutral
	}
	if a.Replayed || errors.Is(ctx.Err(), context.Canceled) {
		return resilience.Neutral
	}
	return resilience.Failure
}

// CreatePayment implements orders.ChargeGateway.
func (g *guardedGateway) CreatePayment(ctx context.Context, r payment.ChargeRequest) payment.Result {
	return g.call(ctx, payment.OutcomeNoEffect, false, func() payment.Result { return g.inner.CreatePayment(ctx, r) })
}

// ConfirmPayment implements orders.ChargeGateway.
func (g *guardedGateway) ConfirmPayment(ctx context.Context, r payment.ChargeRequest, reference string) payment.Result {
	return g.call(
		ctx,
		payment.OutcomeNoEffect,
		false,
		func() payment.Result { return g.inner.ConfirmPayment(ctx, r, reference) },
	)
}

// FindPayment implements payment.ChargeGateway.
func (g *guardedGateway) FindPayment(
	ctx context.Context,
	providerID string,
) (status payment.PaymentStatus, _ payment.Result) {
	r := g.call(ctx, payment.OutcomeUnknown, true, func() (r payment.Result) {
		status, r = g.inner.FindPayment(ctx, providerID)
		return r
	})
	return status, r
}

// CancelPayment implements payment.ChargeGateway.
func (g *guardedGateway) CancelPayment(
	ctx context.Context,
	c payment.ChargeRequest,
	providerID string,
) (status payment.PaymentStatus, _ payment.Result) {
	r := g.call(ctx, payment.OutcomeNoEffect, false, func() (r payment.Result) {
		status, r = g.inner.CancelPayment(ctx, c, providerID)
		return r
	})
	return status, r
}

// CreateRefund implements refunds.RefundGateway.
func (g *guardedGateway) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	return g.call(ctx, payment.OutcomeNoEffect, false, func() payment.Result { return g.inner.CreateRefund(ctx, r) })
}

// FindRefund implements refunds.RefundGateway.
func (g *guardedGateway) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	return g.call(ctx, payment.OutcomeUnknown, true, func() payment.Result { return g.inner.FindRefund(ctx, r) })
}

// Capabilities implements payment.Capable: those of the gateway that is guarded.
func (g *guardedGateway) Capabilities() payment.Capabilities { return payment.CapabilitiesOf(g.inner) }
