package returns_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest"
)

var (
	kim   = event.Actor{Kind: event.ActorStaff, ID: "9", Name: "Kim"}
	ann   = event.Actor{Kind: event.ActorCustomer, ID: "ann"}
	start = time.Date(2026, 5, 4, 10, 0, 0, 123_456_000, time.UTC)
)

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func policy() returns.Policy {
	return returns.Policy{
		Enabled: true, WindowDays: 30, FinalSale: true, MaxQuantity: 10, MaxPhotos: 3,
		PhotoTypes: []string{"jpeg", "png"},
		RestockAt:  returns.RestockAtRefund, Currency: "USD",
	}
}

// shop is a whole shop in memory: real services, and a provider with faults.
type shop struct {
	*testing.T
	ctx      context.Context
	svc      *returns.Service
	store    *returnstest.Store
	evidence *returnstest.EvidenceStore
	orders   *returnstest.Orders
	refunds  *refundstest.Store
	payer    *refunds.Service
	gateway  *refundstest.Gateway
	now      time.Time

	refundLog, returnLog *outbox.Memory
}

func newShop(t *testing.T, p returns.Policy, change ...func(*refunds.Config)) *shop {
	t.Helper()
	s := &shop{
		T: t, ctx: t.Context(), refundLog: outbox.NewMemory("refunds"), returnLog: outbox.NewMemory("returns"),
		evidence: returnstest.NewEvidenceStore(),
		orders:   returnstest.NewOrders(), refunds: refundstest.NewStore(), gateway: &refundstest.Gateway{}, now: start,
	}
	clock := func() time.Time { return s.now }
	var err error
	s.store = returnstest.NewStore(s.returnLog.Append)
	c := refunds.Config{
		Store: returnstest.RecordRefunds(s.refunds, s.refundLog.Append), Gateway: s.gateway,
		Wait: time.Nanosecond, Now: clock,
	}
	for _, f := range change {
		f(&c)
	}
	s.payer, err = refunds.New(c)
	s.ok(err)
	s.svc, err = returns.New(
		returns.Config{
			Store: s.store, Orders: s.orders, Refunder: s.payer, Restocker: s.orders, Evidence: s.evidence, Now: clock,
		},
	)
	s.ok(err)
	_, err = s.svc.EnsureTerms(s.ctx, kim, p)
	s.ok(err)
	return s
}

func (s *shop) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *shop) equal(what string, got, want any) {
	s.Helper()
	if !reflect.DeepEqual(got, want) {
		s.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func (s *shop) refused(err error, want returns.Code) {
	s.Helper()
	if returns.CodeOf(err) != want {
		s.Errorf("error %v has code %q, want %q", err, returns.CodeOf(err), want)
	}
}

// bought is a completed and paid order of ann for lamps.
func (s *shop) bought(units int) purchase.Purchase {
	s.Helper()
	terms, err := s.svc.Terms(s.ctx, "")
	s.ok(err)
	id := newID()
	o := purchase.Purchase{
		OrderID: id, CustomerID: "ann", TermsID: terms.ID, Status: purchase.Completed, Currency: "USD", PlacedAt: s.now,
		Lines: []purchase.Line{{
			ID: "1", ProductID: "lamp", Name: "Lamp", Category: "home", Quantity: units,
			Paid: purchase.Paid("USD", money.Components{Price: 3333 * int64(units), Duty: 101, Shipping: 499}),
		}},
	}
	o.Payments = []purchase.Payment{{ID: newID(), Method: payment.Card, ProviderID: "pi_" + id, Captured: o.Total()}}
	s.orders.Put(o)
	return o
}

// ask is a request of ann for units of the order.
func ask(o purchase.Purchase, units int) returns.CreateParams {
	return returns.CreateParams{
		OrderID: o.OrderID, CustomerID: "ann", Reason: returns.ReasonDamaged,
		Items: []returns.RequestItem{{OrderLineID: o.Lines[0].ID, Quantity: units}},
	}
}

func (s *shop) filed(o purchase.Purchase, units int) returns.Return {
	s.Helper()
	r, err := s.svc.Create(s.ctx, ann, ask(o, units))
	s.ok(err)
	return r
}

// received is a case whose goods are all there.
func (s *shop) received(o purchase.Purchase, units int) returns.Return {
	s.Helper()
	r := s.filed(o, units)
	_, err := s.svc.Authorize(s.ctx, r.ID, kim, "")
	s.ok(err)
	r, err = s.svc.Receive(s.ctx, r.ID, kim, returns.ReceiveParams{Lines: nil, Notes: ""})
	s.ok(err)
	return r
}

func (s *shop) inspected(id string, accepted int) returns.Return {
	s.Helper()
	r, err := s.svc.Return(s.ctx, id)
	s.ok(err)
	in := returns.InspectionInput{
		Result: returns.InspectionPartiallyApproved, InspectedBy: "Kim", Lines: []returns.InspectionLine{
			{OrderLineID: r.Lines[0].OrderLineID, Accepted: &accepted, Disposition: returns.Restock},
		},
	}
	if accepted == 0 {
		in = returns.InspectionInput{Result: returns.InspectionRejected, InspectedBy: "Kim"}
	}
	r, err = s.svc.Inspect(s.ctx, id, kim, in)
	s.ok(err)
	return r
}

func (s *shop) get(id string) returns.Return {
	s.Helper()
	r, err := s.svc.Return(s.ctx, id)
	s.ok(err)
	events, err := s.svc.Events(s.ctx, id)
	s.ok(err)
	folded, err := returns.Fold(events)
	s.ok(err)
	s.equal("I11: folded from its events", folded, r)
	return r
}

func (s *shop) stock() int {
	s.Helper()
	return s.orders.Stock("lamp")
}

// photosKept lists what the evidence store holds.
func (s *shop) photosKept() []string {
	s.Helper()
	var paths []string
	s.ok(s.evidence.List(s.ctx, "", func(p string) error { paths = append(paths, p); return nil }))
	return paths
}

// picture is a plain picture.
func picture(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, color.NRGBA{R: uint8(x), G: uint8(y), B: 200, A: 255})
		}
	}
	return m
}

func jpegOf(w, h int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture(w, h), nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func pngOf(w, h int) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, picture(w, h)); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func uploads(n int) []returns.Upload {
	out := make([]returns.Upload, n)
	for i := range out {
		out[i] = returns.Upload{Name: fmt.Sprintf("%d.jpg", i), Body: bytes.NewReader(jpegOf(4, 4))}
	}
	return out
}

// confused answers with one order whichever was asked for.
type confused struct {
	returns.Orders
	always string
}

func (c confused) Purchase(ctx context.Context, _ string) (purchase.Purchase, error) {
	return c.Orders.Purchase(ctx, c.always)
}
