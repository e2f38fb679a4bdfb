package web

import (
	"context"
	"net/http"
	"net/url"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/review"
	"github.com/returnkit/returnkit/refunds"
)

func (s *server) queueRoutes() {
	e := s.Endpoints
	s.use("GET /admin/queue", endpoint.ReadQueue, s.queue)
	s.use("POST /admin/queue/refunds/{id}/resolve", endpoint.ResolveRefund, resolve(s, e.ResolveRefund))
	s.use("POST /admin/queue/refunds/{id}/release", endpoint.ReleaseRefund, resolve(s, e.ReleaseRefund))
	s.use("POST /admin/queue/orders/{id}/resolve", endpoint.ResolveOrder, resolve(s, e.ResolveOrder))
	s.use("POST /admin/queue/alarms/{id}/close", endpoint.CloseDiscrepancy, resolve(s, e.CloseDiscrepancy))
	s.use("POST /admin/queue/approvals/{id}/approve", endpoint.ApproveRefund, resolve(s, e.ApproveRefund))
	s.use("POST /admin/queue/approvals/{id}/decline", endpoint.DeclineRefund, resolve(s, e.DeclineRefund))
}

// queueBody is what needs review.
type queueBody struct {
	review.Items
	Form url.Values // what was typed into a form that was refused
	At   string     // the id of what that form is about
	Code string     // of the refusal
}

// confirmation is the field in which an amount is entered again to overrule the provider.
type confirmation struct{ ID, Amount, Entered string }

// Confirm is the confirmation that the form about id asks for; nil while it asks for none.
func (b queueBody) Confirm(id string, amount int64, c money.Currency) *confirmation {
	entered := b.Value(id, "confirm_amount")
	if entered == "" && (b.At != id || b.Code != string(refunds.CodeUnconfirmed)) {
		return nil
	}
	return &confirmation{ID: id, Amount: money.FormatMinor(amount, c), Entered: entered}
}

// Value is what was typed into a field of the form about id.
func (b queueBody) Value(id, field string) string {
	if b.At != id {
		return ""
	}
	return b.Form.Get(field)
}

// Key makes a double click on a form one.
func (queueBody) Key() string { return newKey() }

func (s *server) queue(w http.ResponseWriter, r *http.Request) error {
	return s.showQueue(w, r, http.StatusOK, queueBody{})
}

func (s *server) showQueue(
	w http.ResponseWriter,
	r *http.Request,
	status int,
	body queueBody,
	notes ...note,
) (err error) {
	if body.Items, err = s.Endpoints.ReviewQueue(r.Context(), user(r)); err != nil {
		return err
	}
	return s.pageStatus(w, r, status, "admin_queue", "Review queue", body, notes...)
}

// resolve reads the form of an action, does it, and goes back to the queue. A
// refusal shows the queue again with what was typed.
func resolve[P any](s *server, do func(context.Context, auth.User, string, P) (string, error)) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id := r.PathValue("id")
		var p P
		err := readForm(r, &p)
		if err == nil {
			var message string
			if message, err = do(r.Context(), user(r), id, p); err == nil {
				return s.redirect(w, r, "/admin/queue", message)
			}
		}
		q := problem.Of(err)
		if q.Internal || q.Status == http.StatusNotFound {
			return err
		}
		refused(r, q, nil)
		return s.showQueue(w, r, q.Status, queueBody{Form: r.PostForm, At: id, Code: q.Code}, notesOf(q)...)
	}
}
