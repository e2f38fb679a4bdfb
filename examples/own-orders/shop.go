package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	_ "github.com/returnkit/returnkit/orders/sqlstore/sqlite" // the driver
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnsdb"
	"github.com/returnkit/returnkit/returns/returnstest"
)

// byBank is what the shop calls its way of payment.
const byBank payment.Method = "bank_transfer"

var (
	clerk  = event.Actor{Kind: event.ActorStaff, ID: "kim", Name: "Kim"}
	policy = returns.Policy{
		Enabled: true, WindowDays: 30, MaxQuantity: 5, AutoAuthorize: true, RestockAt: returns.RestockAtRefund,
		Currency: "EUR",
	}
)

// Shop is a shop with orders of its own.
type Shop struct {
	Book    Book // its orders, its shelf and its mails
	Returns *returns.Service
	Refunds *refunds.Service
	events  *outbox.Dispatcher
	close   func() error

	between func() // called between a refund and its case; a test ends the process there
}

// stores are where a shop keeps its things.
type stores struct {
	book    Book
	returns returns.Store
	refunds refunds.Store
	logs    []outbox.Log
	close   func() error
}

// Open opens a shop in memory, or on the SQLite file at address.
func Open(ctx context.Context, address string, bank *Bank) (*Shop, error) {
	in := inMemory()
	if address != "" {
		var err error
		if in, err = onSQLite(ctx, address); err != nil {
			return nil, err
		}
	}
	s := &Shop{Book: in.book, close: in.close, between: func() {}}
	if err := s.start(ctx, in, bank); err != nil {
		return nil, errors.Join(err, in.close())
	}
	return s, nil
}

func inMemory() stores {
	refundLog, returnLog := outbox.NewMemory("refunds"), outbox.NewMemory("returns")
	return stores{
		book:    &memoryBook{},
		returns: returnstest.NewStore(returnLog.Append),
		refunds: returnstest.RecordRefunds(refundstest.NewStore(), refundLog.Append),
		logs:    []outbox.Log{refundLog, returnLog},
		close:   func() error { return nil },
	}
}

func onSQLite(ctx context.Context, address string) (stores, error) {
	db, err := sqlstore.Open(ctx, address)
	if err != nil {
		return stores{}, err
	}
	in := stores{
		book: sqlBook{db.Writer().DB}, returns: returnsdb.New(db), refunds: refundsdb.New(db), close: db.Close,
	}
	err = sqlstore.Migrate(ctx, db, returnsdb.Migrations(), refundsdb.Migrations())
	for _, stream := range []string{refundsdb.EventPrefix, returnsdb.EventPrefix} {
		l, logErr := outboxdb.New(db, stream)
		err = errors.Join(err, logErr)
		in.logs = append(in.logs, l)
	}
	if err == nil {
		_, err = db.Writer().DB.ExecContext(ctx, tables)
	}
	if err != nil {
		return stores{}, errors.Join(err, db.Close())
	}
	return in, nil
}

// start puts the services on the shop's stores. The times are short, so that
// what a process leaves when it dies is taken up soon.
func (s *Shop) start(ctx context.Context, in stores, bank *Bank) (err error) {
	methods := []payment.Method{byBank}
	s.Refunds, err = refunds.New(refunds.Config{
		Store: in.refunds, Gateway: Gateway{bank}, ProviderMethods: methods,
		Lease: time.Second, Wait: 50 * time.Millisecond, LookupFirst: 50 * time.Millisecond, LookupMax: time.Second,
	})
	if err != nil {
		return err
	}
	s.Returns, err = returns.New(returns.Config{
		Store: in.returns, Orders: in.book, Restocker: in.book, Refunder: payer{s.Refunds, s}, ProviderMethods: methods,
	})
	if err != nil {
		return err
	}
	if _, err := s.Returns.EnsureTerms(ctx, clerk, policy); err != nil {
		return err
	}
	if s.events, err = outbox.New(outbox.Config{Lease: time.Second}, in.logs...); err != nil {
		return err
	}
	if err := returns.Subscribe(s.events, s.Returns); err != nil {
		return err
	}
	return s.events.Subscribe("returns", "mail", []string{returns.EventRefunded}, s.mail)
}

// Close closes the shop's database.
func (s *Shop) Close() error { return s.close() }

// payer is the shop's refunds, with a place to die between a refund and its case.
type payer struct {
	*refunds.Service
	shop *Shop
}

// Refund implements returns.Refunder.
func (p payer) Refund(ctx context.Context, r refunds.Request) (refunds.Intent, error) {
	refund, err := p.Service.Refund(ctx, r)
	p.shop.between()
	return refund, err
}

// ByID implements returns.Refunder: a case that follows its refund reads it first.
func (p payer) ByID(ctx context.Context, id string) (refunds.Refund, error) {
	refund, err := p.Service.ByID(ctx, id)
	p.shop.between()
	return refund, err
}

// Run is the shop's workers: one continues what is due at the bank, and one
// delivers events. It returns when ctx ends.
func (s *Shop) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	workers.Go(func() { s.events.Run(ctx) })
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := s.Refunds.ResumeDue(ctx, 100); err != nil && ctx.Err() == nil {
			return fmt.Errorf("continue refunds: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// TakeBack files the return of some units of an order, receives the goods and
// accepts them.
func (s *Shop) TakeBack(ctx context.Context, o Order, units int) (returns.Return, error) {
	customer := event.Actor{Kind: event.ActorCustomer, ID: o.Customer}
	r, err := s.Returns.Create(ctx, customer, returns.CreateParams{
		OrderID: o.ID(), CustomerID: o.Customer, Reason: returns.ReasonOther,
		Items: []returns.RequestItem{{OrderLineID: theLine, Quantity: units}},
	})
	if err != nil {
		return returns.Return{}, err
	}
	if _, err = s.Returns.Receive(ctx, r.ID, clerk, returns.ReceiveParams{}); err != nil {
		return returns.Return{}, err
	}
	return s.Returns.Inspect(ctx, r.ID, clerk, returns.InspectionInput{
		Result: returns.InspectionApproved, InspectedBy: clerk.Name,
	})
}

// BankSays follows a message of the bank, and does what follows before it
// answers. What is cut off is finished by Run, in this process or the next.
func (s *Shop) BankSays(ctx context.Context, message payment.WebhookEvent) error {
	by := event.Actor{Kind: event.ActorProvider, ID: "bank"}
	refund, err := s.Refunds.HandleWebhook(ctx, by, message)
	if err != nil {
		return err
	}
	if err := s.events.DeliverSync(ctx, "refunds", refund.ID); err != nil {
		return err
	}
	return s.events.DeliverSync(ctx, "returns", refund.ClientReference)
}

// mail tells the customer that the money is back. It may do so twice, if the
// process dies between the mail and its mark, and never not at all.
func (s *Shop) mail(ctx context.Context, e event.Event) error {
	r, err := s.Returns.Return(ctx, e.AggregateID)
	if err != nil {
		return err
	}
	return s.Book.Mail(
		ctx,
		Mail{To: r.CustomerID, Return: r.ID, Text: "Your refund for order " + r.OrderID + " is paid."},
	)
}
