//go:build mutants

package refundstest

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/payment"
)

// bent is a gateway in memory with one or both of its methods made wrong.
type bent struct {
	*Gateway
	create, find func(ctx context.Context, r payment.RefundRequest) payment.Result
}

func (b *bent) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	if b.create != nil {
		return b.create(ctx, r)
	}
	return b.Gateway.CreateRefund(ctx, r)
}

func (b *bent) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	if b.find != nil {
		return b.find(ctx, r)
	}
	return b.Gateway.FindRefund(ctx, r)
}

// creates changes the request before, and the result after.
func (b *bent) creates(before func(*payment.RefundRequest), after func(payment.RefundRequest, *payment.Result)) {
	b.create = changed(b.Gateway.CreateRefund, before, after)
}

func (b *bent) finds(before func(*payment.RefundRequest), after func(payment.RefundRequest, *payment.Result)) {
	b.find = changed(b.Gateway.FindRefund, before, after)
}

type gatewayCall = func(ctx context.Context, r payment.RefundRequest) payment.Result

func changed(
	call gatewayCall, before func(*payment.RefundRequest), after func(payment.RefundRequest, *payment.Result),
) gatewayCall {
	return func(ctx context.Context, r payment.RefundRequest) payment.Result {
		if before != nil {
			before(&r)
		}
		a := call(ctx, r)
		if after != nil {
			after(r, &a)
		}
		return a
	}
}

// says changes one outcome into another.
func says(from, to payment.Outcome) func(payment.RefundRequest, *payment.Result) {
	return func(_ payment.RefundRequest, a *payment.Result) {
		if a.Outcome == from {
			a.Outcome = to
		}
	}
}

type gatewayMutant suite.Mutant[func(b *bent)]

func TestGatewayMutants(t *testing.T) {
	suite.Mutants(t, "TestGatewayMutant", len(gatewayPromises), gatewayMutants())
}

// TestGatewayMutant is the suite on the mutant of this process.
func TestGatewayMutant(t *testing.T) {
	if make, ok := suite.UnderTest(gatewayMutants()); ok {
		TestGateway(t, func(*testing.T) Sandbox {
			b := &bent{Gateway: &Gateway{}}
			make(b)
			return sandboxOf(b.Gateway, b)
		})
	}
}

func gatewayMutants() []gatewayMutant {
	return slices.Concat(payingMutants(), findingMutants(), answerMutants())
}

func payingMutants() []gatewayMutant {
	return []gatewayMutant{
		{1, "it forgets the provider's id", func(b *bent) {
			b.creates(nil, func(_ payment.RefundRequest, a *payment.Result) { a.ProviderID = "" })
		}},
		{1, "it returns another amount", func(b *bent) {
			b.creates(nil, func(_ payment.RefundRequest, a *payment.Result) { a.Amount++ })
		}},
		{1, "it pays nothing", func(b *bent) {
			b.create = func(context.Context, payment.RefundRequest) payment.Result {
				return payment.Result{Outcome: payment.OutcomeDone, ProviderID: "re_1"}
			}
		}},
		{2, "it makes a key for each call", func(b *bent) {
			b.creates(func(r *payment.RefundRequest) { r.Key += newID() }, nil)
		}},
		{2, "it has one key for a payment", func(b *bent) {
			b.creates(func(r *payment.RefundRequest) { r.Key = r.PaymentProviderID }, nil)
		}},
		{2, "it looks whether it paid, then pays", func(b *bent) {
			b.create = func(ctx context.Context, r payment.RefundRequest) payment.Result {
				if a := b.Gateway.FindRefund(ctx, r); a.Outcome != payment.OutcomeAbsent {
					return a
				}
				suite.Pause()
				r.Key += newID()
				return b.Gateway.CreateRefund(ctx, r)
			}
		}},
		{3, "it pays another amount under a key", func(b *bent) {
			b.creates(func(r *payment.RefundRequest) { r.Key += string(rune(r.Amount)) }, nil)
		}},
		{3, "it says of other parameters what it said of the first", func(b *bent) {
			b.create = func(ctx context.Context, r payment.RefundRequest) payment.Result {
				if a := b.Gateway.FindRefund(ctx, r); a.ProviderID != "" {
					return a
				}
				return b.Gateway.CreateRefund(ctx, r)
			}
		}},
		{3, "it says that other parameters have no effect", func(b *bent) {
			b.creates(nil, func(_ payment.RefundRequest, a *payment.Result) {
				if a.Code == "idempotency_error" {
					a.Outcome = payment.OutcomeNoEffect
				}
			})
		}},
		{6, "it pays more than was captured", func(b *bent) {
			b.creates(func(r *payment.RefundRequest) { b.Capture(r.PaymentProviderID, math.MaxInt64) }, nil)
		}},
		{6, "it pays what is left", func(b *bent) {
			b.creates(func(r *payment.RefundRequest) {
				b.mu.Lock()
				defer b.mu.Unlock()
				r.Amount = min(r.Amount, b.captured[r.PaymentProviderID]-b.paidOut(r.PaymentProviderID))
			}, nil)
		}},
		{6, "it does not know what was refused", func(b *bent) {
			b.creates(nil, says(payment.OutcomeDeclined, payment.OutcomeUnknown))
		}},
		{7, "it pays amounts as floats", func(b *bent) {
			b.creates(func(r *payment.RefundRequest) { r.Amount = int64(float64(r.Amount)) }, nil)
		}},
		{7, "it pays amounts through major units", func(b *bent) {
			const cents = 100.0
			b.creates(func(r *payment.RefundRequest) {
				major := float64(r.Amount) / cents
				r.Amount = int64(major * cents)
			}, nil)
		}},
		{7, "it pays yen as cents", func(b *bent) {
			b.creates(func(r *payment.RefundRequest) {
				if r.Currency == "JPY" {
					r.Amount /= 100
				}
			}, nil)
		}},
	}
}

func findingMutants() []gatewayMutant {
	// of finds the first refund that is like the one looked for.
	of := func(b *bent, like func(p Paid, r payment.RefundRequest) bool, limit int) {
		b.find = func(ctx context.Context, r payment.RefundRequest) payment.Result {
			if a := b.Gateway.FindRefund(ctx, r); a.Outcome == payment.OutcomeUnknown {
				return a
			}
			n := 0
			for _, p := range b.Ledger() {
				if p.Request.PaymentProviderID != r.PaymentProviderID {
					continue
				}
				if n++; n <= limit && like(p, r) {
					return told(p)
				}
			}
			return payment.Result{Outcome: payment.OutcomeAbsent}
		}
	}
	return []gatewayMutant{
		{4, "it looks for the refund", func(b *bent) {
			of(b, func(p Paid, r payment.RefundRequest) bool { return p.Request.RefundID == r.RefundID }, math.MaxInt)
		}},
		{4, "it reads one page", func(b *bent) {
			of(b, func(p Paid, r payment.RefundRequest) bool { return p.Request.AttemptID == r.AttemptID }, 100)
		}},
		{4, "it looks for the amount", func(b *bent) {
			of(b, func(p Paid, r payment.RefundRequest) bool { return p.Request.Amount == r.Amount }, math.MaxInt)
		}},
		{5, "it takes a failed look-up as absence", func(b *bent) {
			b.finds(nil, says(payment.OutcomeUnknown, payment.OutcomeAbsent))
		}},
		{5, "it never says absent", func(b *bent) {
			b.finds(nil, says(payment.OutcomeAbsent, payment.OutcomeUnknown))
		}},
		{5, "it finds any refund of the payment", func(b *bent) {
			of(b, func(Paid, payment.RefundRequest) bool { return true }, math.MaxInt)
		}},
		{8, "it says done when the provider has it", func(b *bent) {
			b.creates(nil, says(payment.OutcomeRequiresAction, payment.OutcomeDone))
		}},
		{8, "it says done when the provider still has it", func(b *bent) {
			b.finds(nil, says(payment.OutcomeRequiresAction, payment.OutcomeDone))
		}},
		{8, "it never sees what was decided", func(b *bent) {
			b.finds(nil, says(payment.OutcomeDone, payment.OutcomePending))
		}},
	}
}

func answerMutants() []gatewayMutant {
	return []gatewayMutant{
		{9, "it says that a timeout is a refusal", func(b *bent) {
			b.creates(nil, says(payment.OutcomeUnknown, payment.OutcomeDeclined))
		}},
		{9, "it says that a server error had no effect", func(b *bent) {
			b.creates(nil, func(_ payment.RefundRequest, a *payment.Result) {
				if a.HTTP == 500 {
					a.Outcome = payment.OutcomeNoEffect
				}
			})
		}},
		{9, "it sends again what has no answer", func(b *bent) {
			b.create = func(ctx context.Context, r payment.RefundRequest) payment.Result {
				a := b.Gateway.CreateRefund(ctx, r)
				if a.Outcome == payment.OutcomeUnknown {
					a = b.Gateway.CreateRefund(ctx, r)
				}
				return a
			}
		}},
		{10, "it pays in a context that has ended", func(b *bent) {
			b.create = func(ctx context.Context, r payment.RefundRequest) payment.Result {
				if ctx.Err() != nil {
					ctx = context.WithoutCancel(ctx)
				}
				return b.Gateway.CreateRefund(ctx, r)
			}
		}},
		{10, "it waits for ever", func(b *bent) {
			b.create = func(ctx context.Context, r payment.RefundRequest) payment.Result {
				return b.Gateway.CreateRefund(context.WithoutCancel(ctx), r)
			}
		}},
		{10, "it says absent in a context that has ended", func(b *bent) {
			b.find = func(ctx context.Context, r payment.RefundRequest) payment.Result {
				return b.Gateway.FindRefund(context.WithoutCancel(ctx), r)
			}
		}},
		{11, "it says that a rate limit is a refusal", func(b *bent) {
			b.creates(nil, says(payment.OutcomeNoEffect, payment.OutcomeDeclined))
		}},
		{11, "it does not know of a rate limit", func(b *bent) {
			b.creates(nil, says(payment.OutcomeNoEffect, payment.OutcomeUnknown))
		}},
		{11, "it pays and says that nothing happened", func(b *bent) {
			b.create = func(ctx context.Context, r payment.RefundRequest) payment.Result {
				a := b.Gateway.CreateRefund(ctx, r)
				if a.Outcome == payment.OutcomeNoEffect {
					b.Gateway.CreateRefund(ctx, r)
				}
				return a
			}
		}},
	}
}
