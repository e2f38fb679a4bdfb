package refundsdb_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// lines are one of three units that were paid with 30.00.
var lines = refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{
	{OrderLineID: "line", Bought: 3, Units: 1, Paid: money.Components{Price: 3000}},
}}

// request opens a refund without executing it.
func request(t *testing.T, s *refundsdb.Store, reference string) (refunds.Refund, error) {
	t.Helper()
	o := refunds.OpenRequest{ClientReference: reference, OrderID: "order", PaymentID: "pay",
		Captured: 3000, Currency: "USD"}
	saved, err := s.Open(
		t.Context(),
		[]refunds.OpenRequest{o},
		refunds.OpeningOne(o, func(p refunds.PaymentState, current *refunds.Refund) (*refunds.Refund, error) {
			if current != nil {
				return current, nil
			}
			quote, err := refunds.NewQuote(lines, p.Refunded)
			if err != nil {
				return nil, err
			}
			return refunds.NewRefund(refunds.Params{
				ID: uuid.NewString(), ClientReference: reference, OrderID: "order", PaymentID: "pay", Customer: "ann",
				Attempt: refunds.AttemptParams{
					ID: uuid.NewString(), Method: payment.Card, PaymentProviderID: "pi", Request: lines, Quote: quote,
				},
			}, event.Stamp{At: time.Now(), By: event.System("test")})
		}),
	)
	if err != nil {
		return refunds.Refund{}, err
	}
	return saved[0], nil
}

func begin(t *testing.T, db *sqlstore.DB) bun.Tx {
	t.Helper()
	tx, err := db.Writer().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

func TestARequestInTheCallersTransactionCommitsWithIt(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		s := refundsdb.New(sqlstoretest.Migrated(t, db, refundsdb.Migrations()))
		for _, commit := range []bool{false, true} {
			tx := begin(t, db)
			inside := s.WithTx(tx)
			r, err := request(t, inside, "one")
			if err != nil {
				t.Fatal(err)
			}
			if again, err := request(t, inside, "one"); err != nil || again.ID != r.ID {
				t.Errorf("asked again: %s, %v; want %s", again.ID, err, r.ID)
			}
			if _, err := inside.Refund(t.Context(), r.ID); err != nil {
				t.Errorf("read in the transaction: %v", err)
			}
			other := refunds.OpenRequest{ClientReference: "other", OrderID: "order", PaymentID: "pay"}
			p, err := inside.PaymentState(t.Context(), other)
			if err != nil || p.Balance.Reserved != 1000 {
				t.Errorf("%d reserved in the transaction, %v", p.Balance.Reserved, err)
			}
			end := tx.Rollback
			if commit {
				end = tx.Commit
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			stored, err := s.Refund(t.Context(), r.ID)
			if commit != (err == nil) || !commit && !errors.Is(err, refunds.ErrNotFound) {
				t.Fatalf("committed %v: %v", commit, err)
			}
			if events, err := s.Events(t.Context(), r.ID); commit != (err == nil) || len(events) != stored.Version {
				t.Errorf("committed %v: %d events, %v", commit, len(events), err)
			}
		}
	})
}

// TestNothingIsExecutedInTheCallersTransaction: the provider is not called, and
// nothing is kept; after the commit the worker pays.
func TestNothingIsExecutedInTheCallersTransaction(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		s := refundsdb.New(sqlstoretest.Migrated(t, db, refundsdb.Migrations()))
		gateway := &refundstest.Gateway{}
		tx := begin(t, db)
		inside, err := refunds.New(refunds.Config{Store: s.WithTx(tx), Gateway: gateway})
		if err != nil {
			t.Fatal(err)
		}
		wanted, err := request(t, s.WithTx(tx), "wanted")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []payment.Method{payment.Card, payment.Cash} {
			_, err := inside.Refund(t.Context(), refunds.Request{
				ClientReference: "executed", OrderID: "order",
				Payments: []refunds.Payment{{ID: "pay", Method: m, ProviderID: "pi", Captured: 3000}},
				Currency: "USD", Customer: "ann", Quote: lines, By: event.System("test"),
			})
			if !errors.Is(err, payment.ErrInTransaction) {
				t.Errorf("a refund by %s: %v", m, err)
			}
		}
		if n, err := inside.ResumeDue(t.Context(), 10); n != 0 || !errors.Is(err, payment.ErrInTransaction) {
			t.Errorf("the worker executed %d, %v", n, err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if found, err := s.ByClientReferences(t.Context(), []string{"executed"}); err != nil || len(found) != 0 {
			t.Errorf("what was refused is there: %v", err)
		}
		if r, err := s.Refund(t.Context(), wanted.ID); err != nil || r.Work.LeaseToken != "" || r.Work.NextAt.IsZero() {
			t.Errorf("the request: %+v, %v", r.Work, err)
		}
		outside, err := refunds.New(refunds.Config{Store: s, Gateway: gateway})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := outside.ResumeDue(t.Context(), 10); n != 1 || err != nil {
			t.Errorf("after the commit the worker executed %d, %v", n, err)
		}
		if r, err := s.Refund(t.Context(), wanted.ID); err != nil || r.Status == refunds.StatusCreated {
			t.Errorf("the request is %s, %v", r.Status, err)
		}
	})
}

// TestARefundIsRequestedInTheCallersTransaction: Service.With opens the refund
// with the caller's own rows, and what calls the provider is refused.
func TestARefundIsRequestedInTheCallersTransaction(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		s := refundsdb.New(sqlstoretest.Migrated(t, db, refundsdb.Migrations()))
		gateway := &refundstest.Gateway{}
		svc, err := refunds.New(refunds.Config{Store: s, Gateway: gateway})
		if err != nil {
			t.Fatal(err)
		}
		ask := refunds.Request{
			ClientReference: "one", OrderID: "order",
			Payments: []refunds.Payment{{ID: "pay", Method: payment.Card, ProviderID: "pi", Captured: 3000}},
			Currency: "USD", Customer: "ann", Quote: lines, By: event.System("test"),
		}
		for _, commit := range []bool{false, true} {
			tx := begin(t, db)
			inside := svc.With(s.WithTx(tx))
			r, err := inside.Request(t.Context(), ask)
			if err != nil || r.Status != refunds.StatusCreated || r.Work.NextAt.IsZero() {
				t.Fatalf("requested %+v, %v", r, err)
			}
			if again, err := inside.Request(t.Context(), ask); err != nil || again.ID != r.ID {
				t.Errorf("requested again: %s, %v", again.ID, err)
			}
			for name, err := range executing(t, inside, ask, r.ID) {
				if !errors.Is(err, payment.ErrInTransaction) {
					t.Errorf("%s: %v", name, err)
				}
			}
			end := tx.Rollback
			if commit {
				end = tx.Commit
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			if n, err := svc.ResumeDue(t.Context(), 10); err != nil || (n == 1) != commit {
				t.Errorf("committed %v: the worker executed %d, %v", commit, n, err)
			}
		}
		if r, err := svc.ByClientReference(t.Context(), "one"); err != nil || r.Status != refunds.StatusSucceeded {
			t.Errorf("the refund is %s, %v", r.Status, err)
		}
	})
}

// executing is what each call that needs the provider returns.
func executing(t *testing.T, s *refunds.Service, ask refunds.Request, id string) map[string]error {
	t.Helper()
	ctx, by := t.Context(), event.System("test")
	_, refund := s.Refund(ctx, ask)
	_, resume := s.ResumeDue(ctx, 1)
	_, check := s.Check(ctx, id, by)
	_, webhook := s.HandleWebhook(ctx, by, payment.WebhookEvent{RefundID: id})
	_, resolve := s.Resolve(ctx, id, by, refunds.ResolveParams{Reason: "looked"})
	_, sync := s.SyncPayment(ctx, "pi", by)
	_, sweep := s.SweepDue(ctx)
	_, reconcile := s.Reconcile(ctx, time.Now().Add(-time.Hour), time.Now())
	return map[string]error{
		"refund": refund, "resume": resume, "check": check, "webhook": webhook, "resolve": resolve,
		"sync": sync, "sweep": sweep, "reconcile": reconcile,
	}
}
