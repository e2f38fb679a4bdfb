package returns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns/budget"
)

// Config says what a Service stands on. Store, Orders, Refunder and Restocker
// are required; the zero value of the rest is documented.
type Config struct {
	Store     Store
	Orders    Orders
	Refunder  Refunder
	Restocker Restocker
	// Evidence keeps photos. nil: no photo is taken, a request with one is
	// refused, and all else works.
	Evidence EvidenceStore
	// Zone is the time zone of the IANA database, such as Europe/Berlin, that
	// published terms get where their policy names none. Empty: UTC.
	Zone string
	// ProviderMethods are the payment methods that go through a payment
	// provider, for the check of a purchase. None: payment.Card.
	ProviderMethods []payment.Method
	Limits          ImageLimits
	// Decoders is how many photos are decoded at a time. 0: one a processor. One
	// account has all but one of them at most; photos of other accounts go between its
	// own, small ones first.
	Decoders int
	Now      func() time.Time // nil: time.Now
	NewID    func() string    // nil: UUIDv7
	Observer Observer         // nil: none
}

// Observer is called with facts after they are committed, in the context of the
// request that made them. Its methods return fast.
type Observer interface {
	Created(ctx context.Context, r Return)
	StatusChanged(ctx context.Context, r Return, from, to Status)
}

// deaf is the Observer of a Config without one.
type deaf struct{}

func (deaf) Created(context.Context, Return) {}

func (deaf) StatusChanged(context.Context, Return, Status, Status) {}

// Validate reports the first field that is missing or wrong.
func (c Config) Validate() error {
	for _, f := range []struct {
		name    string
		missing bool
		have    string // what there is for it
	}{
		{"Store", c.Store == nil, "returnsdb and returnstest have one"},
		{"Orders", c.Orders == nil, "*orders.Service is one"},
		{"Refunder", c.Refunder == nil, "*refunds.Service is one"},
		{"Restocker", c.Restocker == nil, "*orders.Service is one"},
	} {
		if f.missing {
			return &Error{Code: CodeInvalid, Field: "Config." + f.name, Message: "It is nil; " + f.have + "."}
		}
	}
	if _, err := location(c.Zone); err != nil {
		return &Error{Code: CodeInvalid, Field: "Config.Zone", Message: fmt.Sprintf(
			"It is %q; a time zone of the IANA database that is known here is allowed, such as Europe/Berlin.",
			clip(c.Zone),
		), Err: err}
	}
	if c.Decoders < 0 {
		return &Error{
			Code: CodeInvalid, Field: "Config.Decoders", Message: fmt.Sprintf(
				"It is %d; 0 or more are allowed.", c.Decoders,
			),
		}
	}
	return c.Limits.validate()
}

// Service runs return cases: what is requested, decided, received, inspected and
// refunded. Make one with New; it is safe for concurrent use, in any number
// of processes on one store.
type Service struct {
	cfg    Config
	store  Store
	memory *budget.Budget // of decoding
	inTx   bool           // see With
}

// New returns a Service, or says which field of the Config is wrong.
func New(c Config) (*Service, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		c.NewID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	if c.Observer == nil {
		c.Observer = deaf{}
	}
	if c.Decoders == 0 {
		c.Decoders = runtime.GOMAXPROCS(0)
	}
	c.Limits = c.Limits.withDefaults()
	memory, err := budget.New(budget.Config{Bytes: c.Limits.MaxMemory, Places: c.Decoders})
	if err != nil {
		return nil, err
	}
	return &Service{cfg: c, store: c.Store, memory: memory}, nil
}

// stamp is the actor's, now, from where ctx says.
func (s *Service) stamp(ctx context.Context, by event.Actor) event.Stamp {
	return event.Stamp{At: s.cfg.Now().UTC().Truncate(time.Microsecond), By: by, Source: event.SourceOf(ctx)}
}

// update changes a case and calls the observer for each transition.
func (s *Service) update(ctx context.Context, op, id string, change func(*Return) error) (Return, error) {
	var steps []Status
	r, err := s.store.Update(ctx, id, Changing(func(r *Return) error {
		steps = []Status{r.Status}
		seen := len(r.changes)
		if err := change(r); err != nil {
			return err
		}
		steps = append(steps, statusesOf(r.changes[seen:])...)
		return nil
	}))
	if err != nil {
		return Return{}, fmt.Errorf("returns: %s %s: %w", op, id, err)
	}
	for i := 1; i < len(steps); i++ {
		if steps[i] != steps[i-1] {
			s.cfg.Observer.StatusChanged(ctx, r, steps[i-1], steps[i])
		}
	}
	return r, nil
}

// statusOf is the status that each type of event leads to.
var statusOf = map[string]Status{
	EventRequested: StatusPendingAuthorization, EventInfoRequested: StatusPendingCustomerInfo,
	EventInfoProvided: StatusPendingAuthorization,
	EventAuthorized:   StatusAuthorized, EventRejected: StatusRejected, EventCanceled: StatusCanceled,
	EventShipped:  StatusInTransit,
	EventReceived: StatusReceived, EventInspectionStarted: StatusUnderInspection, EventApproved: StatusApproved,
	EventRefunded: StatusRefunded,
}

func statusesOf(events []event.Event) []Status {
	var out []Status
	for _, e := range events {
		if status, ok := statusOf[e.Type]; ok {
			out = append(out, status)
		}
	}
	return out
}

// owned refuses a customer who is not the case's own. Staff and the system pass.
func owned(r *Return, by event.Actor) error {
	if by.Kind == event.ActorCustomer && by.ID != r.CustomerID {
		return &Error{Code: CodeForbidden, Message: "This case belongs to another account."}
	}
	return nil
}

// purchase reads an order and checks what the adapter made of it.
func (s *Service) purchase(ctx context.Context, orderID string) (purchase.Purchase, error) {
	o, err := s.cfg.Orders.Purchase(ctx, orderID)
	if err != nil {
		return purchase.Purchase{}, err
	}
	return s.checkPurchase(o, orderID)
}

// checkPurchase checks what the shop made of its order.
func (s *Service) checkPurchase(o purchase.Purchase, orderID string) (purchase.Purchase, error) {
	if o.OrderID != orderID {
		return purchase.Purchase{}, &Error{Code: CodePurchase, Field: "OrderID", Message: fmt.Sprintf(
			"The purchase is of order %q; order %q was requested.", clip(o.OrderID), clip(orderID))}
	}
	if err := o.Check(s.cfg.ProviderMethods...); err != nil {
		return purchase.Purchase{}, wrongPurchase(err)
	}
	return o, nil
}

// wrongPurchase is what Check says, as a refusal of this package.
func wrongPurchase(err error) error {
	e := &Error{Code: CodePurchase, Message: err.Error(), Err: err}
	var first *purchase.Error
	if errors.As(err, &first) {
		e.Field = first.Field
	}
	return e
}

// termsOf are the terms pinned to the order; an order without any has the
// current ones.
func (s *Service) termsOf(ctx context.Context, o purchase.Purchase) (Terms, error) {
	t, err := s.Terms(ctx, o.TermsID)
	if err == nil {
		_, err = location(t.Policy.Zone) // a deadline of another zone would be wrong
	}
	if err != nil {
		return Terms{}, fmt.Errorf("returns: terms of order %s: %w", o.OrderID, err)
	}
	return t, nil
}

// RequestInfo asks the customer for something.
func (s *Service) RequestInfo(ctx context.Context, id string, by event.Actor, note string) (Return, error) {
	return s.update(ctx, "request info", id, func(r *Return) error { return r.RequestInfo(s.stamp(ctx, by), note) })
}

// Authorize lets the customer send the goods; the case gets its RMA number.
func (s *Service) Authorize(ctx context.Context, id string, by event.Actor, notes string) (Return, error) {
	return s.update(ctx, "authorize", id, func(r *Return) error { return r.Authorize(s.stamp(ctx, by), notes) })
}

// Reject ends a case before the goods are inspected.
func (s *Service) Reject(ctx context.Context, id string, by event.Actor, notes string) (Return, error) {
	if err := s.settleEarly(ctx, id, earlyGrace); err != nil {
		return Return{}, err
	}
	return s.update(ctx, "reject", id, func(r *Return) error { return r.Reject(s.stamp(ctx, by), notes) })
}

// Ship notes that the goods are on their way: the Carrier and the TrackingNumber, which are
// required, and the Notes of d count.
func (s *Service) Ship(ctx context.Context, id string, by event.Actor, d ReverseShipment) (Return, error) {
	return s.update(ctx, "ship", id, func(r *Return) error {
		if err := owned(r, by); err != nil {
			return err
		}
		return r.Ship(s.stamp(ctx, by), d)
	})
}

// ReceiveParams is what has arrived. No lines means all that is outstanding.
type ReceiveParams struct {
	Lines []ReceiptLine
	Notes string
}

// Receive records what has arrived.
func (s *Service) Receive(ctx context.Context, id string, by event.Actor, p ReceiveParams) (Return, error) {
	return s.update(ctx, "receive", id, func(r *Return) error { return r.Receive(s.stamp(ctx, by), p.Lines, p.Notes) })
}

// Inspect records the decision on the goods, and restocks them where the policy does
// so at inspection.
func (s *Service) Inspect(ctx context.Context, id string, by event.Actor, in InspectionInput) (Return, error) {
	if err := s.settleEarly(ctx, id, earlyGrace); err != nil {
		return Return{}, err
	}
	r, err := s.update(ctx, "inspect", id, func(r *Return) error { return r.Inspect(s.stamp(ctx, by), in) })
	if err != nil {
		return Return{}, err
	}
	return s.follow(ctx, r)
}

// Cancel ends a case before work on the goods has started.
func (s *Service) Cancel(ctx context.Context, id string, by event.Actor) (Return, error) {
	if err := s.settleEarly(ctx, id, earlyGrace); err != nil {
		return Return{}, err
	}
	return s.update(ctx, "cancel", id, func(r *Return) error {
		if err := owned(r, by); err != nil {
			return err
		}
		return r.Cancel(s.stamp(ctx, by))
	})
}

// Override records that staff overrode the policy of a case.
func (s *Service) Override(ctx context.Context, id string, by event.Actor, o Override) (Return, error) {
	return s.update(ctx, "override", id, func(r *Return) error { return r.Override(s.stamp(ctx, by), o) })
}

// OpenTask has staff look at a case, for one of the reasons that the kinds of
// tasks name: Kind and Note of the task count. One of a kind is open at a time.
func (s *Service) OpenTask(ctx context.Context, id string, by event.Actor, t Task) (Return, error) {
	return s.update(ctx, "open task", id, func(r *Return) error { return r.OpenTask(s.stamp(ctx, by), t.Kind, t.Note) })
}

// CloseTask notes that the task of t.ID is dealt with, and how (t.Note). Where the
// task was about a refund that never began, the case gives its units back.
func (s *Service) CloseTask(ctx context.Context, id string, by event.Actor, t Task) (Return, error) {
	if err := s.settleEarly(ctx, id, earlyGrace); err != nil {
		return Return{}, err
	}
	return s.update(ctx, "close task", id, func(r *Return) error { return r.CloseTask(s.stamp(ctx, by), t.ID, t.Note) })
}

// Return reads a case.
func (s *Service) Return(ctx context.Context, id string) (Return, error) {
	return s.store.Return(ctx, id)
}

// Returns reads a page of cases, newest first, and how many match.
func (s *Service) Returns(ctx context.Context, q Query) ([]Return, int, error) {
	return s.store.List(ctx, q)
}

// Counts says how many cases are in each status that is not final.
func (s *Service) Counts(ctx context.Context) (map[Status]int, error) { return s.store.Counts(ctx) }

// Events are the events of a case, in order.
func (s *Service) Events(ctx context.Context, id string) ([]event.Event, error) {
	return s.store.Events(ctx, id)
}

// Returnable says of every line of the orders what its owner could return now,
// by order id: see the function of that name.
func (s *Service) Returnable(ctx context.Context, list ...purchase.Purchase) (map[string][]LineVerdict, error) {
	ids := make([]string, len(list))
	for i, o := range list {
		ids[i] = o.OrderID
	}
	claims, err := s.store.Claims(ctx, ids...)
	if err != nil {
		return nil, fmt.Errorf("returns: returnable: %w", err)
	}
	now := s.cfg.Now().UTC()
	pinned := map[string]Terms{}
	out := make(map[string][]LineVerdict, len(list))
	for _, o := range list {
		t, ok := pinned[o.TermsID]
		if !ok {
			if t, err = s.termsOf(ctx, o); err != nil {
				return nil, err
			}
			pinned[o.TermsID] = t
		}
		out[o.OrderID] = Returnable(t, o, claims[o.OrderID], now)
	}
	return out, nil
}

// OpenEvidence reads a photo of a case. Who may see it is the caller's to ask.
func (s *Service) OpenEvidence(ctx context.Context, id, evidenceID string) (io.ReadCloser, Evidence, error) {
	r, err := s.store.Return(ctx, id)
	if err != nil {
		return nil, Evidence{}, err
	}
	for _, e := range r.Evidence {
		if e.ID == evidenceID {
			if s.cfg.Evidence == nil {
				break
			}
			body, err := s.cfg.Evidence.Open(ctx, e.Path)
			return body, e, err
		}
	}
	return nil, Evidence{}, fmt.Errorf("returns: photo %s of %s: %w", clip(evidenceID), id, ErrNotFound)
}

var _ Refunder = (*refunds.Service)(nil)
