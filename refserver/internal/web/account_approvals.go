package web

import (
	"net/http"

	"github.com/returnkit/returnkit/refserver/internal/queue"
)

func (s *server) approvalRoutes() {
	s.staffOnce("POST /admin/queue/approvals/{id}/approve", s.approveRefund)
	s.staffOnce("POST /admin/queue/approvals/{id}/decline", s.declineRefund)
}

func (s *server) approveRefund(w http.ResponseWriter, r *http.Request) error {
	return s.actOnQueue(w, r, func(id string, d queue.Decision) (string, error) {
		return s.Queue.Approve(r.Context(), id, d.By)
	})
}

func (s *server) declineRefund(w http.ResponseWriter, r *http.Request) error {
	return s.actOnQueue(w, r, func(id string, d queue.Decision) (string, error) {
		return s.Queue.Decline(r.Context(), id, r.PostForm.Get("note"), d.By)
	})
}
