// Package endpoint holds the use cases of the shop, one function each: who may
// ask, what is done, and what is answered. The pages of package web and the
// JSON interface of package api only decode what was sent and render what comes
// back, so that both do the same.
//
// An [Action] says who may ask and whether a request that is sent again under
// the same Idempotency-Key is executed once. The handlers put it before the
// body is read; each function asks it again, so that no caller gets past it. A
// function takes the user who asks and a struct of what was sent, which it
// checks, and returns values of the domain packages or an error that package
// problem has words for.
package endpoint

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/export"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/mailing"
	"github.com/returnkit/returnkit/refserver/internal/notice"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/progress"
	"github.com/returnkit/returnkit/refserver/internal/quality"
	"github.com/returnkit/returnkit/refserver/internal/reconcile"
	"github.com/returnkit/returnkit/refserver/internal/review"
	"github.com/returnkit/returnkit/refserver/internal/webhook"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// Deps is what the use cases stand on. All fields are required but those that
// say otherwise.
type Deps struct {
	Orders  *orders.Service
	Returns *returns.Service
	Refunds *refunds.Service
	Auth    *auth.Service
	// Own returns a problem if the order is the user's own: nobody files a return
	// as staff for themselves. Nil asks nothing.
	Own func(ctx context.Context, by auth.User, orderID string) error
	// Review is the review queue.
	Review review.Queue
	// Nights are the comparisons with the provider's list.
	Nights Nights
	// Features are the switches of the shop.
	Features *feature.Service
	// Progress keeps operations that outlast a request, Exports those that write files, and
	// Quality those that measure the shop.
	Progress *progress.Service
	Exports  *export.Service
	Quality  *quality.Service
	// Partners send product feeds.
	Partners *partner.Service
	// Webhooks send events to other systems, Notices notify people.
	Webhooks *webhook.Service
	Notices  *notice.Service
	// Mailing sends mails; nil where the shop sends none.
	Mailing *mailing.Queue
	// Levels reads the service levels.
	Levels LevelReader
	// Card turns what the card form holds into the provider's payment method.
	// Nil where the form is off, because the provider's key is live.
	Card func(number, expires, kind string) (token string, err error)
	// CardPage sends customers who pay by card without a number to the provider's page.
	CardPage bool
	// RefundUnavailable is called for a refund whose outcome is not known when it
	// is answered, because the provider gave no usable answer. Nil: nobody is.
	RefundUnavailable func(ctx context.Context, r refunds.Refund)

	Currency money.Currency
	Zone     *time.Location // whose days are meant; nil: UTC
	PageSize int            // of the order history
	Log      *slog.Logger
	Now      func() time.Time // nil: time.Now
}

// Nights are the comparisons that were made at night: *reconcile.Nightly.
type Nights interface {
	Last(ctx context.Context, limit int) ([]reconcile.Run, error)
}

// Endpoints executes the use cases. It is safe for concurrent use.
type Endpoints struct{ d Deps }

// New returns the use cases.
func New(d Deps) *Endpoints {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.RefundUnavailable == nil {
		d.RefundUnavailable = func(context.Context, refunds.Refund) {}
	}
	if d.Zone == nil {
		d.Zone = time.UTC
	}
	return &Endpoints{d: d}
}

// language is what amounts in messages are written in.
const language = "en"

// Who says who may ask for an action.
type Who int

// Member is anybody who is signed in, Staff who works here.
const (
	Member Who = iota
	Staff
)

// Action is one use case.
type Action struct {
	Name string
	Who  Who
	// Once: it is executed once per Idempotency-Key and caller. Patient has a request wait
	// for the one under its key that is in progress; otherwise only a form waits.
	Once, Patient bool
}

// Permit returns a problem with status 401 or 403 if by, the zero value for
// nobody signed in, may not ask for the action.
func (a Action) Permit(by auth.User) error {
	switch {
	case by.ID == "":
		return problem.New(http.StatusUnauthorized, "SIGN_IN", "Sign in, then try again.")
	case a.Who == Staff && !by.IsStaff():
		return problem.New(http.StatusForbidden, "FORBIDDEN", "Only staff can do this.")
	}
	return nil
}

// actor is who asks, as the domain packages want it.
func actor(by auth.User) event.Actor {
	kind := event.ActorCustomer
	if by.IsStaff() {
		kind = event.ActorStaff
	}
	return event.Actor{Kind: kind, ID: by.ID, Name: by.Username}
}

// Paging is the page of a list that is requested.
type Paging struct {
	Number *int `json:"page" validate:"omitempty,min=1,max=1000000"`
}

// Page is the number of the page, 1 where none is named.
func (p Paging) Page() int {
	if p.Number == nil {
		return 1
	}
	return *p.Number
}

// invalids is what is wrong by the errors of type E that err is or joins; of says the field of one
// and what to do. It is nil where err is none of them.
func invalids[E error](err error, of func(E) (field, message string)) (wrong []problem.Mistake) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			wrong = append(wrong, invalids(one, of)...)
		}
		return wrong
	}
	var one E
	if errors.As(err, &one) {
		field, message := of(one)
		wrong = append(wrong, problem.Mistake{Field: field, Prompt: message})
	}
	return wrong
}
