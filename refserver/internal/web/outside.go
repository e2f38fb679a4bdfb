package web

import (
	"net/http"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// outsideView is what others gave back of an order's payment, for staff.
type outsideView struct {
	refunds.PaymentLedger
	Rows []outsideRow
	// CaseID and Key make the form that ends a case with what is left; empty where
	// there is no such case.
	CaseID string
	Key    string
	Left   int64          // what is left for the case, minor units
	Method payment.Method // by which what is left is paid
}

// outsideRow is one refund or dispute.
type outsideRow struct {
	refunds.Outside
	What  string
	State badge
}

// Decimal is what is left, as the form sends it back.
func (v outsideView) Decimal() string { return money.New(v.Left, v.Currency).Decimal() }

// outsideOf returns what others gave back of an order; nil for nothing.
func (s *server) outsideOf(r *http.Request, o orders.Order) (*outsideView, error) {
	ledger, err := s.Refunds.PaymentLedger(r.Context(), refunds.PaymentRef{
		OrderID: o.ID, PaymentID: o.Payment.ID, Captured: o.Payment.Amount, Currency: o.Currency,
	})
	if err != nil || len(ledger.OutsideMoney) == 0 {
		return nil, err
	}
	v := &outsideView{PaymentLedger: ledger}
	for _, m := range ledger.OutsideMoney {
		v.Rows = append(v.Rows, outsideRow{Outside: m, What: outsideWord(m), State: outsideState(m)})
	}
	return v, nil
}

func outsideWord(m refunds.Outside) string {
	if m.Kind == refunds.OutsideDispute {
		return "Dispute by the customer's bank"
	}
	return "Refund outside this shop"
}

func outsideState(m refunds.Outside) badge {
	switch {
	case m.State == refunds.OutsideReturned && m.Kind == refunds.OutsideDispute:
		return badge{"good", "Won"}
	case m.State == refunds.OutsideReturned:
		return badge{"", "Not paid, or reversed"}
	case m.State == refunds.OutsidePaid && m.Kind == refunds.OutsideDispute:
		return badge{"bad", "Lost"}
	case m.State == refunds.OutsidePaid:
		return badge{"warn", "Paid"}
	}
	return badge{"warn", "Open"}
}
