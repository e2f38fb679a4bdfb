// Package problem is the one table that turns an error of the domain packages
// into an HTTP status and the words that people read. Nothing internal passes
// through it: an error it does not know becomes a plain 500, and the caller
// logs the cause.
package problem

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// comeBack is when to try again what the database had no time for.
const comeBack = 2 * time.Second

// Problem is what is said of an error.
type Problem struct {
	Status  int    // HTTP status
	Code    string // stable, for programs
	Message string // for people: what is wrong and what to do
	Field   string // what it is about, when known
	// Available is how many units can be had, where Counts says so.
	Available int
	// OldTotal and NewTotal are what the buyer was shown and what the cart costs
	// now, with the code PRICE_CHANGED.
	OldTotal, NewTotal money.Money
	// Credit is what store credit can pay, with the code CREDIT_TOO_LOW of a
	// checkout.
	Credit money.Money
	// Nearest are the amounts that a card can be charged, with the code
	// AMOUNT_NOT_CHARGEABLE.
	Nearest []money.Money
	// RetryAfter is when to come back, with status 429 and 503.
	RetryAfter time.Duration
	// Verdict is the verdict on a refused return request, nil for all else.
	Verdict *returns.Verdict
	// Mistakes are all that is wrong with what was sent, each at its field; Field is
	// the first one's, Message names them all. Empty for all else.
	Mistakes []Mistake
	// Internal says that the cause is ours and has to be logged as an error.
	Internal bool
}

// Mistake is what is wrong with one field.
type Mistake struct {
	Field string // its name in JSON or in a form
	Label string // what a page calls it; may be empty
	Text  string // completes a sentence that begins with the field's name
	// Prompt is what a page says instead, such as "Choose a reason."; may be empty.
	Prompt string
}

// Message is the mistake in a sentence that begins with the name of the field, or the prompt
// alone where there is no other text.
func (m Mistake) Message() string {
	if m.Text == "" {
		return m.Prompt
	}
	return m.Field + m.Text
}

// Words is the mistake in a sentence for a page.
func (m Mistake) Words() string {
	switch {
	case m.Prompt != "":
		return m.Prompt
	case m.Label != "":
		return m.Label + m.Text
	}
	return m.Message()
}

// Mistaken is a 400 about the fields of an input; nil without a mistake.
func Mistaken(list ...Mistake) error {
	if len(list) == 0 {
		return nil
	}
	messages := make([]string, len(list))
	for i, m := range list {
		messages[i] = m.Message()
	}
	e := Invalid(list[0].Field, strings.Join(messages, " "))
	e.Problem.Mistakes = list
	return e
}

// Join is one error of all that are about an input, each field once, by the first that names it; nil
// where all are nil. An error about anything else is returned alone.
func Join(errs ...error) error {
	var all []Mistake
	for _, err := range errs {
		if err == nil {
			continue
		}
		p := Of(err)
		if p.Status != http.StatusBadRequest {
			return err
		}
		if len(p.Mistakes) == 0 {
			p.Mistakes = []Mistake{{Field: p.Field, Prompt: p.Message}}
		}
		for _, m := range p.Mistakes {
			if !slices.ContainsFunc(all, func(have Mistake) bool { return have.Field == m.Field }) {
				all = append(all, m)
			}
		}
	}
	return Mistaken(all...)
}

// PageMessage is the message with what a page calls the fields.
func (p Problem) PageMessage() string {
	if len(p.Mistakes) == 0 {
		return p.Message
	}
	words := make([]string, len(p.Mistakes))
	for i, m := range p.Mistakes {
		words[i] = m.Words()
	}
	return strings.Join(words, " ")
}

// Counts reports whether Available says something: fewer units can be had than
// were asked for.
func (p Problem) Counts() bool {
	return p.Code == string(orders.CodeOutOfStock) || p.Code == string(orders.CodeSaleLimit)
}

// New is a problem that a handler finds itself.
func New(status int, code, message string) *Error {
	return &Error{Problem: Problem{Status: status, Code: code, Message: message}}
}

// Invalid is a 400 about one field.
func Invalid(field, message string) *Error {
	return &Error{Problem: Problem{Status: http.StatusBadRequest, Code: "INVALID", Field: field, Message: message}}
}

// TooMany is a 429: the same may be sent again in a moment.
func TooMany(message string) *Error {
	return &Error{
		Problem: Problem{Status: http.StatusTooManyRequests, Code: "BUSY", Message: message, RetryAfter: busyFor},
	}
}

// Unavailable is a 503: the same may be sent again later.
func Unavailable(message string) *Error {
	return &Error{
		Problem: Problem{Status: http.StatusServiceUnavailable, Code: "BUSY", Message: message, RetryAfter: busyFor},
	}
}

// Caused is e with a cause of ours, which has to be logged.
func Caused(e *Error, cause error) *Error {
	e.Problem.Internal, e.cause = true, cause
	return e
}

// busyFor is when to come back to a shop that is busy.
const busyFor = 5 * time.Second

// SetRetryAfter sets when the client may try again, in whole seconds, where p says so.
func (p Problem) SetRetryAfter(h http.Header) {
	if p.RetryAfter > 0 {
		seconds := int64((p.RetryAfter + time.Second - 1) / time.Second)
		h.Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
}

// CheckAddress refuses a request whose path or query holds what no database
// keeps as text: a NUL character, or bytes that are not UTF-8.
func CheckAddress(r *http.Request) error {
	if !sqldb.Storable(r.URL.Path) {
		return New(http.StatusNotFound, "NOT_FOUND", "There is nothing at this address.")
	}
	return CheckFields(r.URL.Query())
}

// CheckFields refuses fields that hold what no database keeps as text. A
// password is not kept as text.
func CheckFields(fields url.Values) error {
	for name, values := range fields {
		ok := sqldb.Storable(name)
		for _, v := range values {
			ok = ok && (name == "password" || sqldb.Storable(v))
		}
		if !ok {
			name = strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", ""), "")
			return Invalid(name, "It contains a character that can't be stored. Type it again.")
		}
	}
	return nil
}

// Day returns the first instant of a day such as 2026-01-31 in the zone, zero
// where text is empty. The years are those that every database can hold.
func Day(field, text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := returns.ParseDay(text)
	if err != nil {
		return time.Time{}, Mistaken(Mistake{
			Field: field, Label: "The day",
			Text: fmt.Sprintf(" is %.40q; it must be a day such as 2026-01-31.", text),
		})
	}
	if day.Year < firstYear || day.Year > lastYear {
		return time.Time{}, Mistaken(Mistake{
			Field: field, Label: "The day",
			Text: fmt.Sprintf(" is in the year %d; %d to %d are allowed.", day.Year, firstYear, lastYear),
		})
	}
	return day.Start(zone).In(zone), nil
}

// Instant returns an instant such as 2026-12-31T23:59:59Z, zero where text is empty.
func Instant(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, Mistaken(Mistake{
			Field: field, Text: fmt.Sprintf(" is %.40q; it must be an instant such as 2026-12-31T23:59:59Z.", text),
		})
	}
	return at, nil
}

// The years a day of a filter may be of.
const (
	firstYear = 1900
	lastYear  = 9000
)

// NextDay returns the first instant after the day of t in the zone.
func NextDay(t time.Time, zone *time.Location) time.Time {
	return returns.DayOf(t, zone).Next().Start(zone).In(zone)
}

// Error carries a Problem as an error.
type Error struct {
	Problem Problem
	cause   error
}

func (e *Error) Error() string {
	if e.cause != nil {
		return e.Problem.Message + " (" + e.cause.Error() + ")"
	}
	return e.Problem.Message
}

// Unwrap returns the cause, where there is one.
func (e *Error) Unwrap() error { return e.cause }

var (
	orderStatus = map[orders.Code]int{
		orders.CodeNotFound:            http.StatusNotFound,
		orders.CodeInvalid:             http.StatusBadRequest,
		orders.CodeCartEmpty:           http.StatusBadRequest,
		orders.CodeOutOfStock:          http.StatusConflict,
		orders.CodePaymentDeclined:     http.StatusPaymentRequired,
		orders.CodeTransition:          http.StatusConflict,
		orders.CodePaymentUncertain:    http.StatusConflict,
		orders.CodeUnconfirmed:         http.StatusConflict,
		orders.CodeIdempotencyMismatch: http.StatusConflict,
		orders.CodeCurrencyMismatch:    http.StatusBadRequest,
		orders.CodeOverflow:            http.StatusBadRequest,
		orders.CodePriceChanged:        http.StatusConflict,
		orders.CodeCreditTooLow:        http.StatusConflict,
		orders.CodeAmountNotChargeable: http.StatusBadRequest,
		orders.CodeSaleLimit:           http.StatusConflict,
		orders.CodeSaleOverlap:         http.StatusConflict,
		orders.CodeSaleNotActive:       http.StatusConflict,
		orders.CodeLeaseLost:           http.StatusConflict,
	}
	refundStatus = map[refunds.Code]int{
		refunds.CodeInvalid:         http.StatusBadRequest,
		refunds.CodeNothingToRefund: http.StatusConflict,
		refunds.CodeBalance:         http.StatusConflict,
		refunds.CodeMethod:          http.StatusBadRequest,
		refunds.CodeTransition:      http.StatusConflict,
		refunds.CodeCreditTooLow:    http.StatusConflict,
		refunds.CodeLeaseLost:       http.StatusConflict,
		refunds.CodeContradiction:   http.StatusConflict,
		refunds.CodeUnconfirmed:     http.StatusConflict,
		refunds.CodeAmountChanged:   http.StatusPreconditionFailed,
	}
	// A code that is not here is a NonReturnableReason: the policy refuses.
	returnStatus = map[returns.Code]int{
		returns.CodeInvalid:       http.StatusBadRequest,
		returns.CodeTransition:    http.StatusConflict,
		returns.CodeNotReceived:   http.StatusBadRequest,
		returns.CodeEvidence:      http.StatusBadRequest,
		returns.CodePhotoTooLarge: http.StatusRequestEntityTooLarge,
		returns.CodeBusy:          http.StatusTooManyRequests,
		returns.CodeMethod:        http.StatusBadRequest,
		returns.CodePriceChanged:  http.StatusConflict,
		returns.CodeForbidden:     http.StatusForbidden,
		returns.CodeNotRefundable: http.StatusConflict,
	}
)

// An account's refusals. Wrong credentials are a page of their own, not an error.
var accountStatus = map[auth.Code]int{
	auth.CodeInvalid:         http.StatusBadRequest,
	auth.CodeUsernameTaken:   http.StatusConflict,
	auth.CodeCredentials:     http.StatusUnauthorized,
	auth.CodeTooManyAttempts: http.StatusTooManyRequests,
	auth.CodeSuperAdmin:      http.StatusConflict,
	auth.CodeSecondFactor:    http.StatusForbidden,
	auth.CodeFactorLost:      http.StatusForbidden,
	auth.CodeLocked:          http.StatusForbidden,
	auth.CodeWeakPassword:    http.StatusBadRequest,
	auth.CodeResetInvalid:    http.StatusBadRequest,
}

// Of returns what is said of err to the caller.
func Of(err error) Problem {
	var tooLarge *http.MaxBytesError
	if own, ok := errors.AsType[*Error](err); ok {
		return own.Problem
	}
	if errors.As(err, &tooLarge) {
		return Problem{Status: http.StatusRequestEntityTooLarge, Code: "TOO_LARGE",
			Message: "What was sent is too large. Send fewer or smaller photos."}
	}
	for _, known := range []func(error) (p Problem, is, known bool){
		ofReturn, ofRefund, ofOrder, ofAmount, ofAccount,
	} {
		if p, is, ok := known(err); ok {
			return p
		} else if is {
			break
		}
	}
	return other(err)
}

// ofReturn returns the problem of a returns.Error: is reports whether err is one,
// known whether its code is for callers. The other functions are likewise.
func ofReturn(err error) (p Problem, is, known bool) {
	e, is := errors.AsType[*returns.Error](err)
	if !is || errors.Is(err, returns.ErrNotFound) || e.Code == returns.CodePurchase { // the last is ours
		return p, is, false
	}
	status, ok := returnStatus[e.Code]
	if !ok {
		status = http.StatusBadRequest
	}
	p = Problem{Status: status, Code: string(e.Code), Message: e.Message, Field: e.Field, Verdict: e.Verdict}
	if strings.HasPrefix(e.Field, "photos[") {
		p.Field = "photos" // all of a form are one field; the message names the one
	}
	if e.Code == returns.CodeBusy {
		p.RetryAfter = busyFor
	}
	return p, true, true
}

func ofRefund(err error) (p Problem, is, known bool) {
	e, is := errors.AsType[*refunds.Error](err)
	if !is {
		return p, false, false
	}
	status, known := refundStatus[e.Code]
	return Problem{Status: status, Code: string(e.Code), Message: e.Message, Field: e.Field}, true, known
}

func ofOrder(err error) (p Problem, is, known bool) {
	e, is := errors.AsType[*orders.Error](err)
	if !is {
		return p, false, false
	}
	status, known := orderStatus[e.Code]
	p = Problem{
		Status: status, Code: string(e.Code), Message: e.Message, Field: e.Field,
		Available: e.Available, OldTotal: e.OldTotal, NewTotal: e.NewTotal, Nearest: e.Nearest,
	}
	if e.Code == orders.CodeCreditTooLow {
		p.Credit = e.Limit
	}
	if e.Code == orders.CodePaymentDeclined {
		p.Message = PaymentDeclined(e.Failure, e.Limit)
	}
	return p, true, known
}

func ofAmount(err error) (p Problem, is, known bool) {
	e, is := errors.AsType[*money.Error](err)
	if !is {
		return p, false, false
	}
	return Problem{Status: http.StatusBadRequest, Code: string(e.Code), Message: e.Message, Field: e.Field}, true, true
}

func ofAccount(err error) (p Problem, is, known bool) {
	e, is := errors.AsType[*auth.Error](err)
	if !is {
		return p, false, false
	}
	status, known := accountStatus[e.Code]
	return Problem{
		Status: status, Code: string(e.Code), Message: e.Message, Field: e.Field, RetryAfter: e.RetryAfter,
	}, true, known
}

// other says what an error without a code of its own is.
func other(err error) Problem {
	busy := Problem{Status: http.StatusServiceUnavailable, Code: "BUSY", Internal: true, RetryAfter: comeBack,
		Message: "The shop is very busy. Please try again in a moment."}
	switch {
	case errors.Is(err, orders.ErrNotFound), errors.Is(err, auth.ErrNotFound):
		return Problem{Status: http.StatusNotFound, Code: string(orders.CodeNotFound),
			Message: "This does not exist, or you don't have access to it."}
	case errors.Is(err, sqlstore.ErrCommitUnknown):
		busy.Code = "UNAVAILABLE"
		busy.Message = "The shop lost its database while it saved this. " +
			"Check whether it was saved before you try again."
		return busy
	case sqldb.IsFull(err), sqldb.IsReadOnly(err):
		busy.Code, busy.RetryAfter = "UNAVAILABLE", 10*comeBack
		busy.Message = "The shop can't save anything at the moment. Nothing was changed. " +
			"Please try again in a few minutes."
		return busy
	case errors.Is(err, context.DeadlineExceeded), sqldb.IsBusy(err):
		return busy
	case sqldb.IsUnreachable(err):
		busy.Code = "UNAVAILABLE"
		busy.Message = "The shop can't reach its database at the moment. Please try again in a moment."
		return busy
	case sqldb.IsUnavailable(err):
		return busy
	}
	return Problem{Status: http.StatusInternalServerError, Code: "INTERNAL", Internal: true,
		Message: "Something went wrong on our side. Try again. If it happens again, " +
			"tell us the request number at the bottom of the page."}
}
