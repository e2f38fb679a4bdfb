package web

import (
	"net/http"
	"net/url"

	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/queue"
)

func (s *server) queueRoutes() {
	s.staff("GET /admin/queue", s.queue)
	s.staffOnce("POST /admin/queue/refunds/{id}/resolve", s.resolveRefund)
	s.staffOnce("POST /admin/queue/refunds/{id}/release", s.releaseRefund)
	s.staffOnce("POST /admin/queue/orders/{id}/resolve", s.resolveOrder)
	s.staffOnce("POST /admin/queue/alarms/{id}/close", s.closeAlarm)
}

// queueBody is the review queue.
type queueBody struct {
	queue.Waiting
	Form url.Values // what was typed into a form that was refused
	At   string     // the id of what that form is about
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
	if body.Waiting, err = s.Queue.Waiting(r.Context()); err != nil {
		return err
	}
	return s.pageStatus(w, r, status, "admin_queue", "Review queue", body, notes...)
}

// actOnQueue reads the form of an action, does it, and goes back to the queue.
// A refusal shows the queue again with what was typed.
func (s *server) actOnQueue(
	w http.ResponseWriter,
	r *http.Request,
	do func(id string, d queue.Decision) (string, error),
) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	id, f := r.PathValue("id"), r.PostForm
	message, err := do(id, queue.Decision{
		Outcome: f.Get("outcome"), Reason: f.Get("reason"), Reference: f.Get("provider_reference"), By: actor(r),
	})
	if err == nil {
		return s.redirect(w, r, "/admin/queue", message)
	}
	p := problem.Of(err)
	if p.Internal || p.Status == http.StatusNotFound {
		return err
	}
	return s.showQueue(w, r, p.Status, queueBody{Form: f, At: id}, note{Tone: "bad", Text: p.Message})
}

func (s *server) resolveRefund(w http.ResponseWriter, r *http.Request) error {
	return s.actOnQueue(
		w,
		r,
		func(id string, d queue.Decision) (string, error) { return s.Queue.SettleRefund(r.Context(), id, d) },
	)
}

func (s *server) releaseRefund(w http.ResponseWriter, r *http.Request) error {
	return s.actOnQueue(
		w,
		r,
		func(id string, d queue.Decision) (string, error) { return s.Queue.ReleaseRefund(r.Context(), id, d) },
	)
}

func (s *server) resolveOrder(w http.ResponseWriter, r *http.Request) error {
	return s.actOnQueue(
		w,
		r,
		func(id string, d queue.Decision) (string, error) { return s.Queue.SettleOrder(r.Context(), id, d) },
	)
}

func (s *server) closeAlarm(w http.ResponseWriter, r *http.Request) error {
	return s.actOnQueue(w, r, func(id string, d queue.Decision) (string, error) {
		return s.Queue.CloseAlarm(r.Context(), id, r.PostForm.Get("note"), d.By)
	})
}
