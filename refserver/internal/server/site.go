// Package server puts the pages, the JSON interface and the endpoint of the
// payment provider before a shop.
package server

import (
	"io"
	"net/http"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/refserver/internal/api"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/review"
	"github.com/returnkit/returnkit/refserver/internal/upload"
	"github.com/returnkit/returnkit/refserver/internal/web"
)

// New returns the handler of the whole shop.
func New(s *app.App) (http.Handler, error) {
	checkout, err := s.CheckoutGuard(http.HandlerFunc(busy), notRead)
	if err != nil {
		return nil, err
	}
	admit, action, photos, err := admissionOf(s)
	if err != nil {
		return nil, err
	}
	hooks, err := s.Webhooks()
	if err != nil {
		return nil, err
	}
	card := s.TokenFor
	if s.Config.LiveKey() {
		card = nil // real card numbers must not pass through the shop
	}
	c := s.Config
	gate := access.New(access.Config{
		Owns: newOwners(s).owns, Record: recorder{s}.record, Refused: recorder{s}.refused, Confirmed: s.Auth.Confirmed,
		StaffFactor: s.Config.StaffSecondFactor,
	})
	waits := reviewQueue(s)
	use := endpoint.New(endpoint.Deps{
		Orders: s.Orders, Returns: s.Returns, Refunds: s.Refunds, Auth: s.Auth, Review: waits, Nights: s.Nightly,
		Levels: s.Figures, Card: card, Currency: c.Money(), Zone: c.DefaultTimezone.Location(),
		PageSize: c.OrderHistoryPageSize, Features: s.Features, Partners: s.Partners,
		CardPage: c.CardPage(), Webhooks: s.EventsOut, Notices: s.Notices, Mailing: s.Mailing,
		Progress: s.Progress, Exports: s.Exports, Quality: s.Quality,
		Log: observability.Named(s.Log, "endpoint"), RefundUnavailable: s.RefundUnavailable,
		Own: recorder{s}.ownOrder(gate),
	})
	h, err := web.New(web.Deps{
		Gate: gate, Audit: s.Audit, Mails: s.Mails, Approvals: s.Approvals, Notices: s.Notices,
		Endpoints: use, Orders: s.Orders, Returns: s.Returns, Refunds: s.Refunds, Auth: s.Auth,
		Metrics: s.Metrics, Registry: observability.PrometheusHandler(s.Registry), Health: s.Health, Log: s.Log,
		Figures: s.Figures, Circuit: s.Breaker.State, Changes: s.Changes,
		Webhooks: hooks, NeedsReview: waits.Count, Keys: s.Keys, Uploads: s.Uploads, Shelf: s.Shelf,
		Checkout: checkout, Admission: admit.handler, PageTurn: admit.page, Action: action, Photos: photos,
		ClientAddress: s.ClientAddress,
		CardForm:      card != nil && !c.CardPage(), CardPage: s.PageOrigin(),
		API: api.New(api.Deps{
			Gate:      gate,
			Endpoints: use, Partners: s.Partners, PartnerOf: s.PartnerOf, Features: s.Features, Keys: s.Keys,
			Uploads: s.Uploads, Zone: c.DefaultTimezone.Location(), Log: observability.Named(s.Log, "api"),
			Action: action, Photos: photos,
		}),
		Currency: c.Money(), Currencies: c.Currencies(), Zone: c.DefaultTimezone.Location(),
		PageSize:      c.OrderHistoryPageSize,
		ReturnAddress: returnAddress(c), ShipWithinDays: c.ReturnShipDays,
		LowStock: c.LowStockThreshold, MaxPhotos: c.ReturnsMaxPhotos,
		SecureCookies: c.SecureCookies(), Origin: c.Origin(), MetricsToken: string(c.MetricsToken),
	})
	if err != nil {
		return nil, err
	}
	return h, gate.Check()
}

func reviewQueue(s *app.App) review.Queue {
	return review.Queue{
		DB: s.DB, Orders: s.Orders, Returns: s.Returns, Refunds: s.Refunds, Discrepancies: s.Discrepancies,
		Approvals: s.Approvals,
	}
}

// returnAddress is where customers send returns. Development has one to try the pages with.
func returnAddress(c config.Config) string {
	if c.ReturnAddress == "" && !c.Production() {
		return "returnkit shop, Returns desk, 1 Example Street, 00000 Example City"
	}
	return c.ReturnAddress
}

// busy answers a checkout over the limit. It is made to cost next to nothing.
func busy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusTooManyRequests)
	// A client that has gone away is not our concern.
	_, _ = io.WriteString(w, busyPage)
}

// notRead answers a checkout whose form did not arrive, or is too large.
func notRead(w http.ResponseWriter, _ *http.Request, status int) {
	text := "The form did not arrive completely. Your cart is kept: go back and try again."
	if status == http.StatusRequestEntityTooLarge {
		text = "The form is too large. Your cart is kept: go back and try again."
	}
	http.Error(w, text, status)
}

// admissionOf is the admission of the shop, the middleware that reads the body of a request before
// its turn comes, and the one that does so for a request with photos: a large one is taken in by
// package upload, which has bounds of its own.
func admissionOf(s *app.App) (admit *admission, action, photos func(http.Handler) http.Handler, err error) {
	if admit, err = newAdmission(); err != nil {
		return nil, nil, nil, err
	}
	body, err := s.ReadBody(input.MaxBody, bodyNotRead)
	if err != nil {
		return nil, nil, nil, err
	}
	action = func(next http.Handler) http.Handler { return body(admit.action(next)) }
	photos = func(next http.Handler) http.Handler {
		small := body(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if upload.Streams(r) {
				next.ServeHTTP(w, r)
				return
			}
			small.ServeHTTP(w, r)
		})
	}
	return admit, action, photos, nil
}

// bodyNotRead answers a request without photos whose body did not arrive, or is too large.
func bodyNotRead(w http.ResponseWriter, r *http.Request, status int) {
	p := problem.Problem{Status: status, Code: "INCOMPLETE",
		Message: "What you sent did not arrive completely. Try again."}
	if status == http.StatusRequestEntityTooLarge {
		p.Code, p.Message = "TOO_LARGE", input.TooLarge
	}
	p.Refuse(w, r)
}

var busyPage = problem.PlainPage("System is busy",
	"Many people are checking out right now. Your cart is kept: wait a moment, then try again.")
