// Package approval makes refunds above a limit wait until a second person approves
// them.
//
// A [Desk] stands between returns and refunds. A refund that staff request passes
// when its amount is within the limit for one refund and, together with what the
// same person refunded that day, within the limit for a day. Any other is kept as
// an [Approval]: it is paid when somebody else approves it, for that amount or
// not at all. The limits hold over any number of processes on one database.
package approval

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

//go:embed migrations
var migrations embed.FS

// Migrations is the schema of this package's tables.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("approval", migrations) }

// State is where an approval is.
type State string

// The states. Paid, declined and void are final.
const (
	Pending  State = "pending"
	Approved State = "approved" // and being paid
	Paid     State = "paid"     // the refund was started
	Declined State = "declined"
	Void     State = "void" // the amount or the case has changed: it must be requested again
)

// Approval is a refund that waits for a second person, or did.
type Approval struct {
	ID          string
	ReturnID    string // of the return, or what Rest takes apart
	OrderID     string
	Method      payment.Method // as it was requested; empty: the original method
	Amount      money.Money
	LessOutside bool   // the amount is less what others gave back; see refunds.Request
	Reason      string // why it waits
	AskerID     string
	AskerName   string
	AskedAt     time.Time
	State       State
	DeciderID   string
	DeciderName string
	DecidedAt   time.Time
	Note        string
	RefundID    string
}

// restPrefix begins the ReturnID of what waits and is of no return.
const restPrefix = "rest:"

// Rest returns the payment whose rest waits to be paid (refunds.Service.PayRest), and
// whether it is a rest: then the approval is of no return.
func (a Approval) Rest() (paymentID string, ok bool) {
	return strings.CutPrefix(a.ReturnID, restPrefix)
}

// IsRest reports whether it is of no return; see Rest.
func (a Approval) IsRest() bool {
	_, rest := a.Rest()
	return rest
}

// Refunder is what the Desk stands before. *refunds.Service is one.
type Refunder = returns.Refunder

// Rests pays what refunds left. *refunds.Service is one.
type Rests interface {
	PayRest(ctx context.Context, p refunds.RestParams) (refunds.Refund, error)
	ByOrder(ctx context.Context, orderID string) ([]refunds.Refund, error)
}

// Payer pays a return. *returns.Service is one.
type Payer interface {
	Refund(ctx context.Context, id string, by event.Actor, p returns.RefundParams) (
		returns.Return, refunds.Intent, error)
}

// Config is what a Desk stands on. All fields are required but those that say
// otherwise.
type Config struct {
	DB       *sqlstore.DB
	Refunder Refunder
	Rests    Rests
	Audit    *audit.Log
	// Amount and PerDay are the limits of one refund and of a day.
	Amount Limits
	PerDay Limits
	Zone   *time.Location // whose days they are
	// CountsAs returns the id that an account counts as: two accounts that count as one approve nothing
	// for each other, and share the limit of a day. Nil: everybody counts as themselves.
	CountsAs func(ctx context.Context, id string) (string, error)
	Now      func() time.Time // nil: time.Now
}

// Limits are amounts in minor units by their currency. Without any there is no limit; where
// there are some, more than nothing in a currency without one is above the limit.
type Limits map[money.Currency]int64

// Desk has refunds above the limits wait. It is a Refunder, and safe for
// concurrent use.
type Desk struct {
	Config
	// Payer pays what is approved. It is set once, before the Desk is used: it
	// pays through the Desk.
	Payer Payer
}

var _ Refunder = (*Desk)(nil)

// New returns a Desk.
func New(c Config) *Desk {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.CountsAs == nil {
		c.CountsAs = func(_ context.Context, id string) (string, error) { return id, nil }
	}
	return &Desk{Config: c}
}

// approvalKey marks a context in which an approval is being paid.
type approvalKey struct{}

// WaitsError is returned for a refund that waits for a second person. Nothing
// was paid.
type WaitsError struct{ Approval Approval }

// Error says what it waits for.
func (e *WaitsError) Error() string {
	return "The refund of " + e.Approval.Amount.String() + " waits for approval by someone else: " + e.Approval.Reason +
		". It is in the review queue."
}

// Unwrap returns the error as HTTP and as package refunds know it: accepted and
// pending, and certainly nothing paid.
func (e *WaitsError) Unwrap() []error {
	return []error{
		problem.New(http.StatusAccepted, "APPROVAL_REQUIRED", e.Error()),
		&refunds.Error{Code: "APPROVAL_REQUIRED", Message: e.Error()},
	}
}

// Waits returns the approval that the refund of err waits for.
func Waits(err error) (Approval, bool) {
	var w *WaitsError
	if errors.As(err, &w) {
		return w.Approval, true
	}
	return Approval{}, false
}

// ByClientReference implements Refunder.
func (d *Desk) ByClientReference(ctx context.Context, returnID string) (refunds.Intent, error) {
	return d.Refunder.ByClientReference(ctx, returnID)
}

// ByID implements Refunder.
func (d *Desk) ByID(ctx context.Context, id string) (refunds.Refund, error) {
	return d.Refunder.ByID(ctx, id)
}

// Preview implements Refunder.
func (d *Desk) Preview(ctx context.Context, r refunds.Request) (refunds.Quote, refunds.Balance, error) {
	return d.Refunder.Preview(ctx, r)
}

// Refund implements Refunder. A refund that has to wait is a *WaitsError.
func (d *Desk) Refund(ctx context.Context, r refunds.Request) (refunds.Intent, error) {
	if !d.limited() || r.By.Kind != event.ActorStaff {
		return d.Refunder.Refund(ctx, r)
	}
	have, err := d.Refunder.ByClientReference(ctx, r.ClientReference)
	if err != nil && !errors.Is(err, refunds.ErrNotFound) {
		return refunds.Intent{}, err
	}
	if err == nil && letPass(have.Refund) {
		return d.Refunder.Refund(ctx, r) // nothing more is paid
	}
	quote, _, err := d.Refunder.Preview(ctx, r)
	if err != nil {
		return refunds.Intent{}, err
	}
	if r.Expect != nil && *r.Expect != quote.Amount {
		return refunds.Intent{}, changed(money.New(quote.Amount, quote.Currency))
	}
	amount := quote.Amount
	r.Expect = &amount // what is judged here is what is paid
	if id, ok := ctx.Value(approvalKey{}).(string); ok {
		if err := d.covers(ctx, id, r, amount); err != nil {
			return refunds.Intent{}, err
		}
		return d.Refunder.Refund(ctx, r)
	}
	if err := d.admit(ctx, r, r.ClientReference, money.New(amount, quote.Currency)); err != nil {
		return refunds.Intent{}, err
	}
	return d.Refunder.Refund(ctx, r)
}

func (d *Desk) limited() bool { return len(d.Amount) > 0 || len(d.PerDay) > 0 }

// PayRest pays what refunds of a payment left, which is amount and no other, as
// refunds.Service.PayRest does. One above the limits is a *WaitsError.
func (d *Desk) PayRest(ctx context.Context, p refunds.RestParams, amount money.Money) (refunds.Refund, error) {
	minor := amount.Minor()
	p.Expect = &minor
	if !d.limited() {
		return d.Rests.PayRest(ctx, p)
	}
	all, err := d.Rests.ByOrder(ctx, p.OrderID)
	if err != nil {
		return refunds.Refund{}, err
	}
	before := refunds.RestsOf(all, p.PaymentID)
	ours := func(r refunds.Refund) bool { return r.ClientReference == p.Reference() }
	if p.Key != "" && slices.ContainsFunc(before, ours) {
		return d.Rests.PayRest(ctx, p) // nothing more is paid
	}
	asked := refunds.Request{ClientReference: restPrefix + p.PaymentID, OrderID: p.OrderID,
		Method: payment.StoreCredit, By: p.By}
	if err := d.admit(ctx, asked, fmt.Sprint(asked.ClientReference, ":", len(before)+1), amount); err != nil {
		return refunds.Refund{}, err
	}
	return d.Rests.PayRest(ctx, p)
}

// letPass reports whether a refund was let pass before, so that asking for it again
// pays nothing more. One that failed or was taken back by the provider is paid anew,
// and so is one that the taking back opened: nobody has judged it. A part that failed
// beside others was judged with them, and is paid for no more than it was of.
func letPass(r refunds.Refund) bool {
	return r.Status != refunds.StatusFailed && r.Status != refunds.StatusReversed &&
		(!r.OnHold() || r.HoldRef != refunds.AwaitingMethod)
}

func changed(now money.Money) error {
	return &refunds.Error{Code: refunds.CodeAmountChanged, Field: "amount",
		Message: "the refund is now " + now.String() + "; look at it again"}
}

// covers returns an error unless the approval is of this refund and amount.
func (d *Desk) covers(ctx context.Context, id string, r refunds.Request, amount int64) error {
	a, err := d.Approval(ctx, id)
	if err != nil {
		return err
	}
	now := money.New(amount, r.Currency)
	if a.State != Approved || a.ReturnID != r.ClientReference || a.Method != r.Method || a.Amount != now {
		return changed(now)
	}
	return nil
}

type row struct {
	bun.BaseModel `bun:"table:?(rk)approvals,alias:a"`

	ID          string `bun:",pk"`
	ReturnID    string
	OrderID     string
	Method      string
	AmountMinor int64
	Currency    string
	LessOutside bool
	Reason      string
	AskerID     string
	AskerName   string
	AskedAt     sqldb.Time
	State       string
	DeciderID   string
	DeciderName string
	DecidedAt   sqldb.Time
	AttemptedAt sqldb.Time
	Note        string
	RefundID    string
}

func (r row) approval() Approval {
	return Approval{
		ID: r.ID, ReturnID: r.ReturnID, OrderID: r.OrderID, Method: payment.Method(r.Method),
		Amount: money.New(r.AmountMinor, money.Currency(r.Currency)), LessOutside: r.LessOutside,
		Reason:  r.Reason,
		AskerID: r.AskerID, AskerName: r.AskerName, AskedAt: r.AskedAt.Time(), State: State(r.State),
		DeciderID: r.DeciderID, DeciderName: r.DeciderName, DecidedAt: r.DecidedAt.Time(), Note: r.Note,
		RefundID: r.RefundID,
	}
}

type dayRow struct {
	bun.BaseModel `bun:"table:?(rk)approval_days,alias:d"`

	AskerID string `bun:",pk"` // whom the asker counts as
	Day     string `bun:",pk"`
}

type spentRow struct {
	bun.BaseModel `bun:"table:?(rk)approval_spent,alias:s"`

	AskerID     string `bun:",pk"`
	Day         string `bun:",pk"`
	ReturnID    string `bun:",pk"` // or which rest of a payment
	Currency    string
	AmountMinor int64
}
