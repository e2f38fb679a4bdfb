package returnstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/differ"
	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

// TestDifferential drives the store and one in memory with the same random calls, with
// the ids of strangers, and fails if they answer differently. The calls are shrunk to
// those that matter, and printed with the seed. newStore is called once; 100 programs of
// up to 40 calls take a few seconds on SQLite.
func TestDifferential(t *testing.T, newStore func(t *testing.T) returns.Store, programs int) {
	suite.Run(t, []suite.Promise[*bench]{
		suite.Says("the same calls are answered alike",
			suite.By("by this store and one in memory", func(b *bench) {
				memory := NewStore()
				differ.Search(b.T, differ.Random(verbs), func(run string) (x, y differ.Object) {
					return newCaller(b, memory, run), newCaller(b, b.store, run)
				}, programs)
			}),
		),
	}, suite.Options[*bench]{Start: func(t *suite.T) *bench { return newBench(t, newStore) }})
}

// verbs are the calls, with how often each comes.
var verbs = []string{
	"create", "create", "create", "create", "authorize", "authorize", "receive", "receive", "inspect", "inspect",
	"reject", "cancel", "ship", "info", "override", "refunded", "refunded", "reversed", "restocked", "nothing",
	"refuse", "publish", "return", "list", "claims", "counts", "events", "terms", "all",
}

// caller makes the calls on one of the stores. What counts all returns, or all terms, is
// shown from what there was before the program.
type caller struct {
	*bench
	differ.Names
	store  returns.Store
	last   map[int]string // the last return of an order
	counts map[returns.Status]int
	before int // versions of the terms
	who    event.Stamp
}

// stamp is of a stranger, by the caller's clock.
func (c *caller) stamp() event.Stamp {
	s := c.who
	s.At = c.now
	return s
}

// newCaller makes a caller on a day of its own: RMA numbers are counted by the day.
func newCaller(b *bench, s returns.Store, run string) *caller {
	own := *b // its own clock
	_, n, _ := strings.Cut(run, "-")
	day, err := strconv.Atoi(n)
	b.ok(err)
	own.now = b.now.AddDate(0, 0, day)
	c := &caller{bench: &own, Names: differ.NewNames(run), store: s, last: map[int]string{}}
	c.counts, err = s.Counts(b.ctx)
	b.ok(err)
	all, err := s.AllTerms(b.ctx)
	b.ok(err)
	c.before = len(all)
	_, err = s.Publish(b.ctx, returns.Terms{
		ID: c.terms(), Policy: policy(), PublishedAt: c.now, PublishedBy: c.bench.stamp().By,
	})
	b.ok(err)
	return c
}

// terms is the id of the terms that are published before the first call.
func (c *caller) terms() string { return "terms-" + c.Run }

// Do implements differ.Object.
func (c *caller) Do(ctx context.Context, op string) string {
	verb, i, j, n := differ.Parts(op)
	c.now = c.now.Add(time.Minute)
	c.who = c.Stamp(j, n)
	v, err := c.call(ctx, verb, i, j, n)
	if err != nil {
		return kindOf(err)
	}
	return differ.JSON(v)
}

// kindOf is the error in a few words.
func kindOf(err error) string {
	var e *returns.Error
	switch {
	case errors.Is(err, returns.ErrNotFound):
		return "not found"
	case errors.As(err, &e):
		return fmt.Sprintf("%s %s", e.Code, e.Field)
	}
	return "error"
}

func (c *caller) call(ctx context.Context, verb string, i, j, n int) (any, error) {
	switch verb {
	case "create":
		o := c.bought(i, j)
		r, err := c.store.Create(ctx, o, returns.Creating(o, c.files(o, n)))
		if err == nil {
			c.last[i] = r.ID
		}
		return r, err
	case "publish":
		t, err := c.store.Publish(ctx, returns.Terms{
			ID: c.ID(), Policy: policy(), PublishedAt: c.now, PublishedBy: c.stamp().By,
			Note: c.IDs[i] + "it's \"100\" % \\",
		})
		t.Version -= c.before
		return t, err
	case "return":
		return c.store.Return(ctx, c.known(i))
	case "list":
		list, total, err := c.store.List(ctx, returns.Query{OrderID: c.IDs[i], Page: n % 3, PageSize: 1 + n%2,
			OpenTasks: n == 8, Text: []string{"", "mouse", "%", "rma-", c.IDs[j]}[n%5]})
		return []any{list, total}, err
	case "claims":
		return c.store.Claims(ctx, c.IDs[i], c.IDs[j])
	case "counts":
		return c.counted(ctx)
	case "events":
		return c.told(ctx, c.known(i))
	case "terms":
		t, err := c.store.Terms(ctx, c.IDs[i])
		t.Version -= c.before
		return t, err
	case "all":
		all, err := c.store.AllTerms(ctx)
		var own []string
		for _, t := range all[:max(len(all)-c.before, 0)] {
			own = append(own, fmt.Sprintf("%s %d", t.ID, t.Version-c.before))
		}
		return own, err
	}
	return c.store.Update(ctx, c.known(i), returns.Changing(func(r *returns.Return) error {
		return c.changes(r, verb, c.IDs[j], n)
	}))
}

// known is the id of the order's last return, or an id that nothing has.
func (c *caller) known(i int) string {
	if id, ok := c.last[i]; ok {
		return id
	}
	return c.IDs[i]
}

// bought is an order of a customer. Its line ids are the same as in other orders.
func (c *caller) bought(i, j int) purchase.Purchase {
	currency := []money.Currency{"USD", "JPY", "KWD"}[i%3]
	o := purchase.Purchase{
		OrderID: c.IDs[i], CustomerID: c.IDs[j], TermsID: c.terms(), Currency: currency, Status: purchase.Completed,
		PlacedAt: c.now,
	}
	for k, units := range []int{3, 2} {
		o.Lines = append(o.Lines, purchase.Line{
			ID: c.IDs[k], ProductID: c.IDs[k+3], Name: "Mouse \"é\" \\ 100 %", Category: "Hardware", Quantity: units,
			Paid: purchase.Paid(currency, money.Components{Price: 1<<53 + int64(k)}),
		})
	}
	o.Payments = []purchase.Payment{{ID: "pay", Method: payment.Card, ProviderID: "pi_1", Captured: o.Total()}}
	return o
}

// files is a decision that files units of the order, whatever is claimed of it.
func (c *caller) files(o purchase.Purchase, n int) func(returns.Claims) (*returns.Return, error) {
	id, photo, lines := c.ID(), c.ID(), []string{c.ID(), c.ID()}
	return func(claims returns.Claims) (*returns.Return, error) {
		terms := c.terms()
		if n == 7 {
			terms = id // nothing has it
		}
		d := returns.Params{
			ID: id, OrderID: o.OrderID, CustomerID: o.CustomerID, TermsID: terms, Reason: returns.ReasonDamaged,
			Details: "Ärger: \"it's\" broken\n\\ 100 %", Authorize: n%2 == 0,
			Evidence: []returns.Evidence{{ID: photo, Path: "2026/05/x.jpg", ContentType: "image/jpeg", Bytes: 12,
				Width: 3, Height: 4, UploadedAt: c.now}},
		}
		ask := returns.Request{CustomerID: o.CustomerID, Reason: d.Reason, Photos: []string{"jpeg"}}
		for k, l := range o.Lines {
			units := (n + k) % 3
			if units == 0 {
				continue
			}
			ask.Items = append(ask.Items, returns.RequestItem{OrderLineID: l.ID, Quantity: units})
			d.Lines = append(d.Lines, returns.Line{ID: lines[k], OrderLineID: l.ID, ProductID: l.ProductID,
				Name: l.Name, Category: l.Category, Quantity: units})
		}
		if n < 8 { // else the store has to refuse what is too much
			d.Verdict = returns.Evaluate(returns.Terms{ID: terms, Policy: policy()}, o, claims, ask, c.now)
		}
		if why := d.Verdict.Reasons(); len(why) > 0 {
			return nil, &returns.Error{Code: returns.Code(why[0]), Message: d.Verdict.Message(), Verdict: &d.Verdict}
		}
		return returns.NewReturn(c.stamp(), d)
	}
}

func (c *caller) changes(r *returns.Return, verb, text string, n int) error {
	s := c.stamp()
	switch verb {
	case "authorize":
		return r.Authorize(s, "fine")
	case "receive":
		return r.Receive(s, nil, "it's here")
	case "inspect":
		units := make([]int, len(r.Lines))
		for i, l := range r.Lines {
			units[i] = min(n%3, l.Quantity)
		}
		return c.inspect(units...)(r)
	case "reject":
		return r.Reject(s, "too late")
	case "cancel":
		return r.Cancel(s)
	case "ship":
		return r.Ship(s, returns.ReverseShipment{Carrier: "UPS", TrackingNumber: "1Z \"é\" \\"})
	case "info":
		return r.RequestInfo(s, "a photo?")
	case "override":
		return r.Override(s, returns.Override{Rules: []string{returns.RuleRestockingFee}, Reason: "ours"})
	case "refunded":
		return r.RefundSucceeded(s, "refund-"+strconv.Itoa(n))
	case "reversed":
		return r.RefundReversed(s, "refund-"+strconv.Itoa(n))
	case "restocked":
		return r.MarkRestocked(s)
	case "refuse":
		r.Lines, r.Details = nil, text
		return &returns.Error{Code: "NO"}
	}
	return nil
}

func (c *caller) counted(ctx context.Context) (any, error) {
	n, err := c.store.Counts(ctx)
	var all []string
	for s, now := range n {
		if more := now - c.counts[s]; more != 0 {
			all = append(all, fmt.Sprint(s, more))
		}
	}
	for s, was := range c.counts {
		if _, ok := n[s]; !ok && was != 0 {
			all = append(all, fmt.Sprint(s, -was))
		}
	}
	slices.Sort(all)
	return all, err
}

func (c *caller) told(ctx context.Context, id string) (any, error) {
	events, err := c.store.Events(ctx, id)
	var all []string
	for _, e := range events {
		all = append(all, fmt.Sprintf("%d %s %s %s %v %v", e.Seq, e.Type, e.Data, e.At, e.Actor, e.Source))
	}
	return all, err
}
