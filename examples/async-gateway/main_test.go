package main

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

func Example() {
	main()
	// Output:
	// pending 10.00 EUR PSP00001
	// the signature of the message is not the provider's
	// succeeded 10.00 EUR PSP00001
	// succeeded 10.00 EUR PSP00001
}

// refundsOf are those of the payment, decided now.
func refundsOf(psp *Provider, paymentID string) (all []Decided) {
	psp.Decide()
	for _, d := range psp.Books() {
		if d.PaymentReference == paymentID {
			all = append(all, d)
		}
	}
	return all
}

func TestTheProviderAsAGateway(t *testing.T) {
	refundstest.TestGateway(t, func(*testing.T) refundstest.Sandbox {
		psp := &Provider{Secret: []byte("s")}
		return refundstest.Sandbox{
			Gateway: Gateway{psp},
			NewPayment: func(_ testing.TB, amount int64, _ money.Currency) string {
				id := uuid.NewString()
				psp.Capture(id, amount)
				return id
			},
			Count: func(paymentID string) int { return len(refundsOf(psp, paymentID)) },
			Paid: func(paymentID string) (sum int64) {
				for _, d := range refundsOf(psp, paymentID) {
					sum += d.Amount
				}
				return sum
			},
			Later:     func() func() { return func() { psp.Decide() } },
			Unlimited: true, // what is too much is received, and refused by the message
		}
	})
}

// mailbox holds the messages that were not taken yet.
type mailbox struct {
	mu       sync.Mutex
	messages []Message
}

// take returns all messages, and leaves none.
func (m *mailbox) take() []Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.messages
	m.messages = nil
	return all
}

func (m *mailbox) put(all ...Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.messages = append(m.messages, all...)
}

// shop is a process on the gateway without look-ups. What the provider decided comes
// as messages, which are sent again until they are taken.
type shop struct {
	*refunds.Service
	psp  *Provider
	mail *mailbox // outlives the process
}

func (s shop) deliver(ctx context.Context) {
	s.mail.put(s.psp.Decide()...)
	for _, m := range s.mail.take() {
		if _, err := receive(ctx, s.Service, m, s.psp.Secret); err != nil {
			s.mail.put(m)
		}
	}
}

// Refund is followed by the messages that have come, whose handling is cut at every
// step too.
func (s shop) Refund(ctx context.Context, r refunds.Request) (refunds.Intent, error) {
	s.deliver(ctx)
	refund, err := s.Service.Refund(ctx, r)
	s.deliver(ctx)
	return refund, err
}

func (s shop) ResumeDue(ctx context.Context, limit int) (int, error) {
	s.deliver(ctx)
	n, err := s.Service.ResumeDue(ctx, limit)
	s.deliver(ctx)
	return n, err
}

func TestRefundsThroughTheProviderAreCutAtEveryStep(t *testing.T) {
	var psp *Provider // of the case that runs
	refundstest.TestCrashes(t, refundstest.Crashes{
		NewStore: func(testing.TB) refunds.Store { return refundstest.NewStore() },
		NewProvider: func(testing.TB) (refundstest.Provider, string) {
			psp = &Provider{Secret: []byte("s")}
			psp.Capture("PAY-1", 3_000)
			return books{Gateway{psp}}, "PAY-1"
		},
		NewExecutor: func() func(refunds.Config) (refundstest.Executor, error) {
			mail := &mailbox{}
			return func(c refunds.Config) (refundstest.Executor, error) {
				svc, err := refunds.New(c)
				return shop{svc, psp, mail}, err
			}
		},
		SkipWorker: true, // seconds instead of half a minute; leave it out before you go live
	})
}

// books is the gateway with the provider's books, for the suite to look into.
type books struct{ Gateway }

func (b books) Ledger() (all []refundstest.Paid) {
	for _, d := range b.Provider.Books() {
		refund, attempt := ids(d.MerchantReference)
		status := "failed"
		if d.Success {
			status = "succeeded"
		}
		all = append(all, refundstest.Paid{Reference: d.Reference, Status: status, Request: payment.RefundRequest{
			Key: d.Key, PaymentProviderID: d.PaymentReference, Amount: d.Amount, RefundID: refund, AttemptID: attempt,
		}})
	}
	return all
}

// A refund ends within a minute of its message, also when the provider was down for
// five seconds when it was requested.
func TestARefundEndsWithinAMinuteOfItsMessage(t *testing.T) {
	for _, down := range []time.Duration{0, 5 * time.Second} {
		t.Run("down for "+down.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				psp := &Provider{Secret: []byte("s")}
				psp.Capture("PAY-1", 3_000)
				psp.SetDown(down > 0)
				svc, err := refunds.New(refunds.Config{Store: refundstest.NewStore(), Gateway: Gateway{psp}})
				if err != nil {
					t.Fatal(err)
				}
				s := shop{svc, psp, &mailbox{}}
				start := time.Now()
				r, err := svc.Refund(t.Context(), request("PAY-1"))
				if err != nil {
					t.Fatal(err)
				}
				var messaged time.Time
				for r.Status != refunds.StatusSucceeded && time.Since(start) < time.Hour {
					time.Sleep(time.Second)
					psp.SetDown(time.Since(start) < down)
					if time.Since(start) > 30*time.Second { // the provider takes its time to decide
						if s.deliver(t.Context()); messaged.IsZero() && len(psp.Books()) > 0 {
							messaged = time.Now()
						}
					}
					if _, err := svc.ResumeDue(t.Context(), 10); err != nil {
						t.Fatal(err)
					}
					if r.Refund, err = svc.ByID(t.Context(), r.ID); err != nil {
						t.Fatal(err)
					}
				}
				if r.Status != refunds.StatusSucceeded || messaged.IsZero() || time.Since(messaged) > time.Minute {
					t.Errorf("%s %v after its message, which came %v after the request", r.Status, time.Since(messaged),
						messaged.Sub(start))
				}
				if n := len(psp.Books()); n != 1 {
					t.Errorf("paid %d times", n)
				}
			})
		})
	}
}

func TestARefusalComesAsAMessage(t *testing.T) {
	psp := &Provider{Secret: []byte("s")}
	psp.Capture("PAY-1", 1)
	svc, err := refunds.New(refunds.Config{Store: refundstest.NewStore(), Gateway: Gateway{psp}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := svc.Refund(t.Context(), request("PAY-1"))
	if err != nil || r.Status != refunds.StatusPending {
		t.Fatal(r.Status, err)
	}
	for _, m := range psp.Decide() {
		if r.Refund, err = receive(t.Context(), svc, m, psp.Secret); err != nil {
			t.Fatal(err)
		}
	}
	if r.Status != refunds.StatusFailed {
		t.Errorf("%s", r.Status)
	}
}

func TestAnEmptySecretBelievesNobody(t *testing.T) {
	m := Message{Body: []byte("{}"), Signature: signature(nil, []byte("{}"))}
	if _, err := Event(m, nil); !errors.Is(err, errForged) {
		t.Error(err)
	}
}
