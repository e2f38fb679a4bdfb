package orders

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
)

// CreditPart is the part of an order that store credit pays, before Order.Payment
// pays the rest. The zero value: none.
//
// It leaves the customer's store credit in the transaction that places the
// order, and comes back in the one that cancels it, so it needs no state of its
// own: see Status.
type CreditPart struct {
	PaymentID string // UUIDv7, of this payment
	Amount    int64  // minor units
}

// Status returns what is known of the part, which follows the order's status:
// pending (held for the order), captured when it is completed, and canceled (given
// back) when it is canceled.
func (c CreditPart) Status(s Status) PaymentStatus {
	switch s {
	case StatusCompleted:
		return PaymentCaptured
	case StatusCanceled:
		return PaymentCanceled
	}
	return PaymentPending
}

// PaymentPart is one of the payments of an order.
type PaymentPart struct {
	ID         string
	Method     payment.Method
	Amount     int64 // minor units
	Status     PaymentStatus
	ProviderID string // the provider's id of it; empty where there is none
}

// Payments returns the payments of the order in the order they are made: store
// credit first, and then what pays the rest, if there is any.
func (o *Order) Payments() []PaymentPart {
	var all []PaymentPart
	if o.Credit.Amount > 0 {
		all = append(all, PaymentPart{
			ID: o.Credit.PaymentID, Method: payment.StoreCredit, Amount: o.Credit.Amount,
			Status: o.Credit.Status(o.Status),
		})
	}
	if p := o.Payment; p.Amount > 0 || len(all) == 0 {
		all = append(all, PaymentPart{
			ID: p.ID, Method: p.Method, Amount: p.Amount, Status: p.Status, ProviderID: p.ProviderID,
		})
	}
	return all
}

// CreditLedger keeps the store credit that orders are paid with. A Store calls
// it inside the transaction of the order, so that both are saved or none.
// *refundsdb.Store in a transaction and *refundstest.Store are two.
type CreditLedger interface {
	// LockCredit returns the customer's balance in the currency, 0 or more minor
	// units, and keeps everybody else from changing it until the transaction ends.
	LockCredit(ctx context.Context, customerID string, c money.Currency) (int64, error)
	// MoveCredit adds an entry, once per Ref; it reports whether this call did it.
	// It refuses what would take the balance below zero.
	MoveCredit(ctx context.Context, m purchase.CreditMove, s event.Stamp) (bool, error)
}

// The refs of an order's moves in the ledger.
const (
	creditRef     = "order:"
	creditRefBack = ":back"
)

// CreditOrder returns the order that an entry of the ledger is about, and whether
// it is about one: ref is purchase.CreditMove.Ref.
func CreditOrder(ref string) (orderID string, ok bool) {
	id, ok := strings.CutPrefix(ref, creditRef)
	return strings.TrimSuffix(id, creditRefBack), ok
}

// creditMove is what the change moves in the ledger; the zero value: nothing.
func (c *Change) creditMove() purchase.CreditMove {
	o := &c.After
	m := purchase.CreditMove{CustomerID: o.CustomerID, Currency: o.Currency}
	switch {
	case o.Credit.Amount == 0:
		return purchase.CreditMove{}
	case c.Before.ID == "":
		m.Ref, m.Amount, m.Note = creditRef+o.ID, -o.Credit.Amount, "Order "+o.Number
	case o.Status == StatusCanceled && c.Before.Status != StatusCanceled:
		m.Ref, m.Amount = creditRef+o.ID+creditRefBack, o.Credit.Amount
		m.Note = "Order " + o.Number + " was canceled"
	default:
		return purchase.CreditMove{}
	}
	return m
}

// Currencies returns the currencies that the products of the cart are priced in,
// in order of their codes: those that a Store loads Credit for.
func (p Placement) Currencies() []money.Currency {
	var all []money.Currency
	for _, it := range p.Cart.Items {
		if c := p.Products[it.ProductID].Currency; c != "" && !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	slices.Sort(all)
	return all
}

// asksCredit reports whether store credit is to pay first.
func (r CheckoutRequest) asksCredit() bool { return r.AllCredit || r.Credit.Sign() != 0 }

// checkCredit reports what is wrong with the store credit that is asked for.
func (r CheckoutRequest) checkCredit() error {
	if r.Credit == (money.Money{}) {
		return nil
	}
	if err := checkCurrency("store_credit", r.Credit.Currency()); err != nil {
		return err
	}
	if r.Credit.Sign() < 0 {
		return &Error{Code: CodeInvalid, Field: "store_credit",
			Message: fmt.Sprintf("%s is negative; it is how much store credit pays", r.Credit)}
	}
	if r.AllCredit {
		return &Error{Code: CodeInvalid, Field: "store_credit", Message: "choose an amount or all of it, not both"}
	}
	return nil
}

// checkTender reports what is wrong with how the order is to be paid. Whether a
// method and a card are needed depends on the total: see tenderOf.
func (r CheckoutRequest) checkTender(provider []payment.Method) error {
	if err := r.checkCredit(); err != nil {
		return err
	}
	if r.Method == "" {
		return nil
	}
	return checkMethod(r.Method, provider)
}

// noCard reports whether the rest is to be paid by a card that is not named.
func (r CheckoutRequest) noCard() bool { return r.Method == payment.Card && r.Token == "" && !r.OnPage }

// tender is how a total is paid.
type tender struct {
	credit int64          // by store credit, minor units
	method payment.Method // what pays the rest; store_credit where nothing is left
}

// tenderOf splits a total between store credit and the method. have is the
// customer's balance; known says that there is a ledger.
func (s *Service) tenderOf(r CheckoutRequest, total money.Money, have int64, known bool) (tender, error) {
	if !r.asksCredit() {
		return s.withoutCredit(r, total)
	}
	if !known {
		return tender{}, &Error{Code: CodeInvalid, Field: "store_credit",
			Message: "orders are not paid by store credit here; leave it out"}
	}
	if !r.AllCredit && r.Credit.Currency() != total.Currency() {
		return tender{}, &Error{Code: CodeCurrencyMismatch, Field: "store_credit",
			Message: fmt.Sprintf("%s of store credit can't pay for a cart in %s", r.Credit, total.Currency())}
	}
	used := min(total.Minor(), have)
	if !r.AllCredit {
		if used = min(total.Minor(), r.Credit.Minor()); used > have {
			return tender{}, CreditTooLow(used, have, total.Currency())
		}
	}
	switch {
	case total.IsZero():
		return s.withoutCredit(r, total)
	case used == total.Minor():
		return tender{credit: used, method: payment.StoreCredit}, nil
	}
	if r.Method == "" {
		return tender{}, CreditTooLow(total.Minor(), used, total.Currency())
	}
	used, err := s.chargeable(r, total, used, have)
	if err != nil {
		return tender{}, err
	}
	if r.noCard() && used < total.Minor() {
		return tender{}, errNoToken
	}
	return tender{credit: used, method: r.Method}, nil
}

// withoutCredit is the tender that the method pays alone. A cart that costs nothing
// needs neither method nor card; it is as good as paid in cash.
func (s *Service) withoutCredit(r CheckoutRequest, total money.Money) (tender, error) {
	switch {
	case total.IsZero() && r.Method == "":
		return tender{method: payment.Cash}, nil
	case r.Method == "":
		return tender{}, checkMethod(r.Method, s.cfg.ProviderMethods)
	case r.noCard() && !total.IsZero():
		return tender{}, errNoToken
	}
	return tender{method: r.Method}, s.carried(r.Method, total)
}

// carried refuses a total that the provider's unit can't express, such as 4.936 KWD.
// One beyond the provider's smallest or largest charge is the provider's to refuse.
func (s *Service) carried(m payment.Method, total money.Money) error {
	if total.IsZero() || m == payment.Cash {
		return nil
	}
	below, above, ok := payment.Chargeable(s.cfg.Gateway, total.Minor(), total.Currency())
	if ok && (below == total.Minor() || below == 0 || above == 0) {
		return nil
	}
	return notChargeable("payment_method", fmt.Sprintf("%s can't be charged by %s", total, m), total.Currency(),
		below, above)
}

// notChargeable is the refusal of an amount that the provider can't charge; below and
// above are the nearest that it can, 0 where there is none.
func notChargeable(field, message string, c money.Currency, below, above int64) *Error {
	e := &Error{Code: CodeAmountNotChargeable, Field: field, Message: message}
	for _, amount := range []int64{below, above} {
		if amount > 0 && (len(e.Nearest) == 0 || e.Nearest[0].Minor() != amount) {
			e.Nearest = append(e.Nearest, money.New(amount, c))
		}
	}
	for i, m := range e.Nearest {
		e.Message += []string{"; the nearest amounts that can be are ", " and "}[min(i, 1)] + m.String()
	}
	return e
}

// CreditTooLow is the refusal of an order that store credit was to pay more of
// than it can, both in minor units.
func CreditTooLow(wanted, can int64, c money.Currency) error {
	return &Error{Code: CodeCreditTooLow, Field: "store_credit", Limit: money.New(can, c),
		Message: fmt.Sprintf("store credit was to pay %s and can pay %s; nothing was ordered, choose how to pay",
			money.New(wanted, c), money.New(can, c))}
}

// chargeable returns how much of the store credit is used so that the provider
// can charge the rest: not more than used, and less by as little as possible.
func (s *Service) chargeable(r CheckoutRequest, total money.Money, used, have int64) (int64, error) {
	if used == 0 {
		return 0, s.carried(r.Method, total)
	}
	if r.Method == payment.Cash {
		return used, nil
	}
	c, rest := total.Currency(), total.Minor()-used
	below, above, ok := payment.Chargeable(s.cfg.Gateway, rest, c)
	if ok && above > 0 && above <= total.Minor() {
		return total.Minor() - above, nil
	}
	e := notChargeable("store_credit", fmt.Sprintf("with %s of store credit %s is left, which can't be charged by %s",
		money.New(used, c), money.New(rest, c), r.Method), c, below, above)
	if have >= total.Minor() {
		e.Message += fmt.Sprintf("; %s of store credit would pay it all", total)
	}
	return 0, e
}
