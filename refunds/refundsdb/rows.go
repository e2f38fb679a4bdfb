package refundsdb

import (
	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

type balanceRow struct {
	bun.BaseModel `bun:"table:?(rk)refund_balance,alias:b"`

	PaymentID     string `bun:",pk"`
	OrderID       string
	Currency      string
	CapturedMinor int64
	ReservedMinor int64
	RefundedMinor int64
	OutsideMinor  int64
	Holds         sqldb.JSON[[]refunds.HoldRecord]
}

func rowOfBalance(orderID string, b refunds.Balance) balanceRow {
	return balanceRow{
		PaymentID: b.PaymentID, OrderID: orderID, Currency: string(b.Currency),
		CapturedMinor: b.Captured, ReservedMinor: b.Reserved, RefundedMinor: b.Refunded,
		OutsideMinor: b.Outside, Holds: sqldb.AsJSON(b.Holds),
	}
}

func (r balanceRow) balance() refunds.Balance {
	return refunds.Balance{
		PaymentID: r.PaymentID, Currency: money.Currency(r.Currency),
		Captured: r.CapturedMinor, Reserved: r.ReservedMinor, Refunded: r.RefundedMinor, Outside: r.OutsideMinor,
		Holds: r.Holds.V,
	}
}

type refundRow struct {
	bun.BaseModel `bun:"table:?(rk)refunds,alias:r"`

	ID           string `bun:",pk"`
	IntentID     string
	Leg          int
	Reference    string
	OrderID      string
	PaymentID    string
	CustomerID   string
	Method       string
	Currency     string
	AmountMinor  int64
	WholeMinor   int64
	CarriedMinor int64
	Request      sqldb.JSON[refunds.QuoteRequest]
	Quote        sqldb.JSON[refunds.Quote]
	Status       string
	CreatedAt    sqldb.Time
	UpdatedAt    sqldb.Time
	Version      int64
	NextAt       sqldb.Time
	Attempts     int
	LeaseUntil   sqldb.Time
	LeaseToken   string
	LastError    string
	NeedsReview  bool   `bun:"needs_review"`
	HoldRef      string `bun:"hold_ref"`
}

func rowOfRefund(r *refunds.Refund) refundRow {
	return refundRow{
		ID: r.ID, IntentID: r.IntentID, Leg: r.Leg, Reference: r.ClientReference,
		OrderID: r.OrderID, PaymentID: r.PaymentID, CustomerID: r.Customer,
		Method: string(r.Method), Currency: string(r.Quote.Currency), AmountMinor: r.Amount(),
		WholeMinor: r.Quote.Whole, CarriedMinor: r.Quote.Rest(),
		Request: sqldb.AsJSON(r.Request), Quote: sqldb.AsJSON(r.Quote), Status: string(r.Status),
		CreatedAt: sqldb.At(r.CreatedAt), UpdatedAt: sqldb.At(r.UpdatedAt), Version: int64(r.Version),
		NextAt: sqldb.At(r.Work.NextAt), Attempts: r.Work.Attempts, LeaseUntil: sqldb.At(r.Work.LeaseUntil),
		LeaseToken: r.Work.LeaseToken, LastError: r.Work.LastError, NeedsReview: r.Work.NeedsReview,
		HoldRef: r.HoldRef,
	}
}

func (r refundRow) refund() refunds.Refund {
	return refunds.Refund{
		ID: r.ID, IntentID: r.IntentID, Leg: r.Leg, ClientReference: r.Reference, OrderID: r.OrderID,
		PaymentID: r.PaymentID, Customer: r.CustomerID,
		Method: payment.Method(r.Method), Request: r.Request.V, Quote: r.Quote.V, Status: refunds.Status(r.Status),
		CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(), Version: int(r.Version), HoldRef: r.HoldRef,
		Work: payment.Work{
			NextAt: r.NextAt.Time(), Attempts: r.Attempts, LeaseUntil: r.LeaseUntil.Time(),
			LeaseToken: r.LeaseToken, LastError: r.LastError, NeedsReview: r.NeedsReview,
		},
	}
}

type lineRow struct {
	bun.BaseModel `bun:"table:?(rk)refund_lines,alias:l"`

	RefundID      string `bun:",pk"`
	OrderLineID   string `bun:",pk"`
	Units         int64
	PriceMinor    int64
	DutyMinor     int64
	ShippingMinor int64
}

func rowsOfLines(r *refunds.Refund) []lineRow {
	rows := make([]lineRow, 0, len(r.Quote.Lines))
	for _, l := range r.Quote.Lines {
		if l.Units == 0 && l.Refunded == (money.Components{}) {
			continue
		}
		rows = append(rows, lineRow{
			RefundID: r.ID, OrderLineID: l.OrderLineID, Units: int64(l.Units),
			PriceMinor: l.Refunded.Price, DutyMinor: l.Refunded.Duty, ShippingMinor: l.Refunded.Shipping,
		})
	}
	return rows
}

type attemptRow struct {
	bun.BaseModel `bun:"table:?(rk)refund_attempts,alias:a"`

	ID                string `bun:",pk"`
	RefundID          string
	Number            int
	Method            string
	Status            string
	AmountMinor       int64
	Key               string
	PaymentReference  string
	ProviderReference string
	FailureCode       string
	FailureReason     string
	Sent              int
	StoredError       bool
	CreatedAt         sqldb.Time
	FirstSentAt       sqldb.Time
	AnsweredAt        sqldb.Time
	SettledAt         sqldb.Time
	PaidByKind        string
	PaidByID          string
	PaidByName        string
}

func rowOfAttempt(refundID string, a refunds.Attempt) attemptRow {
	return attemptRow{
		ID: a.ID, RefundID: refundID, Number: a.Number, Method: string(a.Method), Status: string(a.Status),
		AmountMinor: a.Amount,
		Key:         a.Key, PaymentReference: a.PaymentProviderID, ProviderReference: a.ProviderID,
		FailureCode: a.FailureCode, FailureReason: a.FailureReason, Sent: a.Sent, StoredError: a.StoredError,
		CreatedAt: sqldb.At(
			a.CreatedAt,
		), FirstSentAt: sqldb.At(a.FirstSentAt), AnsweredAt: sqldb.At(a.AnsweredAt), SettledAt: sqldb.At(a.SettledAt),
		PaidByKind: string(a.PaidBy.Kind), PaidByID: a.PaidBy.ID, PaidByName: a.PaidBy.Name,
	}
}

func (r attemptRow) attempt() refunds.Attempt {
	return refunds.Attempt{
		ID: r.ID, Number: r.Number, Method: payment.Method(r.Method), Status: refunds.Status(r.Status),
		Amount: r.AmountMinor,
		Key:    r.Key, PaymentProviderID: r.PaymentReference, ProviderID: r.ProviderReference,
		FailureCode: r.FailureCode, FailureReason: r.FailureReason, Sent: r.Sent, StoredError: r.StoredError,
		CreatedAt: r.CreatedAt.Time(), FirstSentAt: r.FirstSentAt.Time(), AnsweredAt: r.AnsweredAt.Time(),
		SettledAt: r.SettledAt.Time(),
		PaidBy:    actor(r.PaidByKind, r.PaidByID, r.PaidByName),
	}
}

type creditRow struct {
	bun.BaseModel `bun:"table:?(rk)store_credit_entries,alias:e"`

	ID          string `bun:",pk"`
	CustomerID  string
	Currency    string
	AmountMinor int64
	Ref         string
	Note        string
	At          sqldb.Time
	ByKind      string
	ByID        string
	ByName      string
}

func rowOfCredit(e refunds.CreditEntry) creditRow {
	return creditRow{
		ID: e.ID, CustomerID: e.CustomerID, Currency: string(e.Currency), AmountMinor: e.Amount, Ref: e.Ref,
		Note: e.Note,
		At:   sqldb.At(e.At), ByKind: string(e.By.Kind), ByID: e.By.ID, ByName: e.By.Name,
	}
}

func (r creditRow) entry() refunds.CreditEntry {
	return refunds.CreditEntry{
		ID: r.ID, CustomerID: r.CustomerID, Currency: money.Currency(r.Currency), Amount: r.AmountMinor, Ref: r.Ref,
		Note: r.Note,
		At:   r.At.Time(), By: actor(r.ByKind, r.ByID, r.ByName),
	}
}
