package orders

import (
	"context"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// CheckoutRequest asks for an order of a cart.
type CheckoutRequest struct {
	Customer       event.Actor // who buys; the ID is required
	CartID         string      // empty: the customer's open cart
	IdempotencyKey string      // empty: none; at most 200 characters, unique per customer
	// Total is what the buyer was shown for the whole cart. When it has risen
	// since, or is in another currency, nothing is ordered (CodePriceChanged); a
	// lower one is charged as it is now. The zero value: they were shown nothing.
	Total money.Money
	// Credit is how much store credit pays first, at most; the zero value: none.
	// Less than that on the customer's account, where the order needs it, is
	// CodeCreditTooLow. AllCredit instead is as much as there is.
	Credit    money.Money
	AllCredit bool
	// Method is payment.Cash or one of Config.ProviderMethods. It pays what store
	// credit leaves, and may be empty where that is nothing: the cart costs nothing, or
	// store credit pays it all.
	Method   payment.Method
	Token    string // for a card: the payment method at the provider, never a card number; none for cash
	OnPage   bool   // the customer pays it on a page of the provider's (Config.Pages); Token is empty then
	Source   string // "web", "api", ...; at most 40 characters
	Priority int    // when it is queued: see Payment.Priority
}

// validate reports the first field that is wrong.
func (r CheckoutRequest) validate(provider []payment.Method) error {
	if r.Customer.ID == "" {
		return &Error{Code: CodeInvalid, Field: "customer", Message: "an order belongs to a customer; the id is empty"}
	}
	if err := r.checkTender(provider); err != nil {
		return err
	}
	if r.Total != (money.Money{}) {
		if err := checkCurrency("currency", r.Total.Currency()); err != nil {
			return err
		}
		if r.Total.Sign() < 0 {
			return &Error{
				Code:    CodeInvalid,
				Field:   "total",
				Message: fmt.Sprintf("%s is negative; it is what the buyer was shown", r.Total),
			}
		}
	}
	if r.Priority < 0 || r.Priority > maxPriority {
		return &Error{
			Code:    CodeInvalid,
			Field:   "priority",
			Message: fmt.Sprintf("%d is out of range; 0 to %d", r.Priority, maxPriority),
		}
	}
	for _, f := range []struct {
		name, value string
		limit       int
	}{
		{"cart_id", r.CartID, 64}, {"idempotency_key", r.IdempotencyKey, 200},
		{"token", r.Token, 200}, {"source", r.Source, 40},
	} {
		if err := checkText(f.name, f.value, f.limit); err != nil {
			return err
		}
	}
	return nil
}

// errNoToken refuses a card payment that names no card.
var errNoToken = &Error{
	Code:    CodeInvalid,
	Field:   "token",
	Message: "it is empty; a card payment names a payment method of the provider",
}

// Checkout turns a cart into an order and has it paid.
//
// Cash completes at once. A card is charged at the provider: the answer done
// completes the order; a definite no cancels it, gives stock and cart back,
// and is a *Error with CodePaymentDeclined beside the canceled order;
// anything else, and silence for PaymentWait, queues it with its stock held,
// to be charged later under the same key.
//
// Store credit pays first. It leaves the customer's account in the transaction
// that saves the order, is held while the order is queued, and is given back with
// the stock. An order that it pays in full completes at once. Where the provider
// can't charge what is left, less of it is used.
//
// Asking again with the same cart or the same idempotency key returns the
// first order. A decline frees cart and key. The key with another cart, method or
// card, or without the store credit, is CodeIdempotencyMismatch. Other refusals
// are CodeInvalid, CodeCartEmpty, CodePriceChanged (the buyer was shown less),
// CodeCurrencyMismatch, CodeOutOfStock, CodeCreditTooLow, CodeAmountNotChargeable
// (with the nearest amounts) and ErrNotFound; nothing is saved then.
//
// When ctx ends first, the order stands and its charge is not canceled.
func (s *Service) Checkout(ctx context.Context, r CheckoutRequest) (Order, error) {
	start := s.cfg.Now()
	if err := r.validate(s.cfg.ProviderMethods); err != nil {
		return Order{}, err
	}
	if err := r.checkPage(s.cfg); err != nil {
		return Order{}, err
	}
	if s.inTx {
		return s.placeOnly(ctx, r)
	}
	lease := s.cfg.NewID()
	o, placed, err := s.place(ctx, r, lease)
	if err != nil {
		if CodeOf(err) == "" {
			s.cfg.Observer.Submitted(ctx, r.Source)
			s.cfg.Observer.Failed(ctx, r.Source, err)
		}
		return Order{}, err
	}
	if !placed {
		return s.again(ctx, r, o)
	}

	s.cfg.Observer.Submitted(ctx, r.Source)
	if o.needsCharge() {
		if o, err = s.chargeNow(ctx, o, lease); err != nil {
			s.cfg.Observer.Failed(ctx, r.Source, err)
			return o, err
		}
	}
	switch {
	case o.Status == StatusCompleted:
		s.cfg.Observer.Accepted(ctx, o, StatusCompleted, s.cfg.Now().Sub(start))
	case o.Status == StatusCanceled:
		s.cfg.Observer.Declined(ctx, o)
	default:
		s.cfg.Observer.Accepted(ctx, o, StatusQueued, s.cfg.Now().Sub(start))
	}
	return o, declined(o)
}

// place commits the order, its stock and the intent to charge it. Without a lease
// the order is queued for the worker.
func (s *Service) place(ctx context.Context, r CheckoutRequest, lease string) (Order, bool, error) {
	terms, err := s.cfg.Terms(ctx)
	if err != nil {
		return Order{}, false, fmt.Errorf("orders: checkout: terms in force: %w", err)
	}
	st := s.stamp(ctx, r.Customer)
	cart := PlaceRequest{
		CustomerID: r.Customer.ID, CartID: r.CartID, IdempotencyKey: r.IdempotencyKey, Credit: r.asksCredit(),
		At: st.At, From: st.Source,
	}
	return s.store.Place(ctx, cart, func(p Placement) (*Order, error) {
		o, err := s.ordered(r, p, terms, st)
		switch {
		case err != nil:
			return nil, err
		case !o.needsCharge():
			return o, o.Complete(st, "")
		case lease == "":
			return o, o.Queue(st, "placed in a transaction of the caller's")
		}
		o.Payment.Work.Lease(lease, st.At.Add(s.cfg.Lease))
		return o, nil
	})
}

// ordered returns the order that a checkout makes of a cart, or why it makes none.
func (s *Service) ordered(r CheckoutRequest, p Placement, terms string, st event.Stamp) (*Order, error) {
	if len(p.Cart.Items) == 0 {
		return nil, &Error{
			Code: CodeCartEmpty, Field: "cart", Message: "the cart is empty; put something in it first",
		}
	}
	cart := s.price(p.Cart, p.Products, st.At)
	if err := cart.err(); err != nil {
		return nil, err
	}
	if err := r.checkConsent(cart.total, cart.currency); err != nil {
		return nil, err
	}
	for _, it := range p.Cart.Items {
		product := p.Products[it.ProductID]
		if err := product.checkAvailable(it.Quantity, st.At); err != nil {
			return nil, err
		}
	}
	have, known := p.Credit[cart.currency]
	by, err := s.tenderOf(r, money.New(cart.total, cart.currency), have, known)
	if err != nil {
		return nil, err
	}
	for i := range cart.lines {
		cart.lines[i].ID = s.cfg.NewID()
	}
	d := Params{
		ID: s.cfg.NewID(), CustomerID: r.Customer.ID, CartID: p.Cart.ID, IdempotencyKey: r.IdempotencyKey,
		TermsID: terms, Source: r.Source, Currency: cart.currency, Lines: cart.lines,
		PaymentID: s.cfg.NewID(), Method: by.method, ProviderMethods: s.cfg.ProviderMethods,
		Priority: r.Priority, Credit: by.credit,
	}
	if by.credit > 0 {
		d.CreditPaymentID = s.cfg.NewID()
	}
	if !by.method.Manual() {
		d.Token, d.PageExpiresAt = r.Token, s.pageExpiry(r, st.At)
	}
	return NewOrder(d, st)
}

// checkConsent refuses to charge more than the buyer was shown.
func (r CheckoutRequest) checkConsent(total int64, c money.Currency) error {
	if r.Total == (money.Money{}) || r.Total.Currency() == c && total <= r.Total.Minor() {
		return nil
	}
	now := money.New(total, c)
	return &Error{Code: CodePriceChanged, Field: "total", OldTotal: r.Total, NewTotal: now,
		Message: fmt.Sprintf("the total was %s and is now %s; nothing was ordered, look at the cart and order again",
			r.Total, now)}
}

// again answers a checkout whose order is there already.
func (s *Service) again(ctx context.Context, r CheckoutRequest, o Order) (Order, error) {
	if err := r.checkSame(o); err != nil {
		return Order{}, err
	}
	o, err := s.awaitCharge(ctx, o)
	if err != nil {
		return o, err
	}
	return o, declined(o)
}

// checkSame refuses a request under the key of an order that was made by another.
func (r CheckoutRequest) checkSame(o Order) error {
	if r.IdempotencyKey == "" || o.IdempotencyKey != r.IdempotencyKey {
		return nil
	}
	if (r.CartID == "" || r.CartID == o.CartID) && r.sameTender(o) {
		return nil
	}
	return &Error{Code: CodeIdempotencyMismatch, Field: "idempotency_key",
		Message: fmt.Sprintf("%s was used for order %s with another cart or payment; use a new key for a new order",
			quoted(r.IdempotencyKey), o.Number)}
}

// sameTender reports whether the order can be what the request asked to be paid
// in this way. How much store credit paid depends on how much there was.
func (r CheckoutRequest) sameTender(o Order) bool {
	if !r.AllCredit && (r.Credit.Minor() < o.Credit.Amount ||
		r.Credit != (money.Money{}) && r.Credit.Currency() != o.Currency) {
		return false
	}
	if o.Payment.Method == payment.StoreCredit || r.Method == "" && o.Total() == 0 {
		return true
	}
	return r.Method == o.Payment.Method &&
		(r.Method == payment.Cash || r.Token == o.Payment.Token && r.OnPage == o.Payment.OnPage())
}

// awaitCharge waits up to PaymentWait for the charge of an order that another
// checkout placed: for one of this process by its channel, for one that has not
// begun yet, or is another process's, by polling.
func (s *Service) awaitCharge(ctx context.Context, o Order) (Order, error) {
	wait := time.NewTimer(s.cfg.PaymentWait)
	defer wait.Stop()
	for pause, over := time.Millisecond, false; !over; pause *= 2 {
		s.mu.Lock()
		c := s.inFlight[o.ID]
		s.mu.Unlock()
		if c == nil && o.Status != StatusSubmitted {
			break
		}
		var done <-chan struct{}
		var again <-chan time.Time
		if c != nil {
			done = c.done
		} else {
			again = time.After(pause)
		}
		select {
		case <-done:
			over = true
		case <-again:
		case <-wait.C:
			over = true
		case <-ctx.Done():
			over = true
		}
		fresh, err := s.store.Order(ctx, o.ID)
		if err != nil {
			return o, err
		}
		o = fresh
	}
	return o, nil
}

// declined is the refusal of an order that the provider declined, else nil.
func declined(o Order) error {
	if o.Status != StatusCanceled || o.Payment.Status != PaymentDeclined {
		return nil
	}
	e := &Error{
		Code: CodePaymentDeclined, Field: "payment", Reason: o.Payment.DeclineCode, Failure: o.Payment.Failure,
		Message: fmt.Sprintf("the payment was declined (%s %s); nothing was charged and the cart is kept",
			o.Payment.Failure, o.Payment.DeclineCode),
	}
	if o.Payment.FailureLimit > 0 {
		e.Limit = money.New(o.Payment.FailureLimit, o.Currency)
	}
	return e
}
