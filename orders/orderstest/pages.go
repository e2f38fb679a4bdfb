package orderstest

import (
	"context"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
)

// The calls about pages.
const (
	CallOpenPage  Call = "open page"
	CallFindPage  Call = "find page"
	CallClosePage Call = "close page"
)

var _ payment.PageGateway = (*Gateway)(nil)

// page is a page on which a customer pays, once.
type page struct {
	payment.PageRequest
	closed bool
	paid   string // the provider's id of the payment, empty until it is paid
}

func (p *page) state() payment.PaymentStatus {
	switch {
	case p.paid != "":
		return payment.Captured
	case p.closed || !time.Now().Before(p.ExpiresAt):
		return payment.Canceled
	}
	return payment.Open
}

// PayPage has the customer pay on the page, and reports whether money moved: not
// on a page that is paid, closed or expired.
func (g *Gateway) PayPage(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.pages[id]
	if p == nil || p.state() != payment.Open {
		return false
	}
	p.paid = "pi_" + id
	g.charges = append(g.charges, Charge{
		Reference: p.paid, OrderID: p.OrderID, Amount: p.Amount, Currency: p.Currency,
	})
	return true
}

// Pages is how many pages were made.
func (g *Gateway) Pages() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.pages)
}

// OpenPage implements payment.PageGateway.
func (g *Gateway) OpenPage(ctx context.Context, r payment.PageRequest) (payment.Page, payment.Result) {
	made := payment.Page{}
	a := g.do(ctx, CallOpenPage, r.ChargeRequest, func(*object) (payment.Result, string) {
		id := fmt.Sprintf("cs_%05d", len(g.pages)+1)
		if g.pages == nil {
			g.pages = map[string]*page{}
		}
		g.pages[id] = &page{PageRequest: r}
		return payment.Result{Outcome: payment.OutcomeDone, ProviderID: id, HTTP: 200}, id
	}, "")
	if a.Outcome == payment.OutcomeDone {
		made = payment.Page{ProviderID: a.ProviderID, URL: "https://pay.example/" + a.ProviderID}
	}
	return made, a
}

// FindPage implements payment.PageGateway.
func (g *Gateway) FindPage(
	ctx context.Context, r payment.ChargeRequest, pageID string,
) (payment.PaymentStatus, payment.Result) {
	return g.pageState(ctx, CallFindPage, r, pageID, false)
}

// ClosePage implements payment.PageGateway.
func (g *Gateway) ClosePage(
	ctx context.Context, r payment.ChargeRequest, pageID string,
) (payment.PaymentStatus, payment.Result) {
	return g.pageState(ctx, CallClosePage, r, pageID, true)
}

func (g *Gateway) pageState(
	ctx context.Context, c Call, r payment.ChargeRequest, pageID string, end bool,
) (payment.PaymentStatus, payment.Result) {
	var status payment.PaymentStatus
	a := g.do(ctx, c, r, func(*object) (payment.Result, string) {
		p := g.pages[pageID]
		if p == nil || p.OrderID != r.OrderID {
			return unknownHere(), pageID
		}
		if end && p.state() != payment.Open {
			return refused("the page is not open", payment.Setup), pageID
		}
		p.closed = p.closed || end
		status = p.state()
		found := payment.Result{
			Outcome: payment.OutcomeDone, ProviderID: p.paid, Status: string(status), HTTP: 200,
		}
		if status == payment.Captured {
			found.Amount = p.Amount
		}
		return found, pageID
	}, "")
	if a.Outcome == payment.OutcomeDone && status == "" {
		status = payment.PaymentStatus(a.Status) // answered from under the key
	}
	return stateOf(status, a)
}
