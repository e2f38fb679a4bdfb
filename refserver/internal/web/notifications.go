package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/mailing"
	"github.com/returnkit/returnkit/refserver/internal/notice"
)

// noticeStreamPath is where the number of unread notices comes live.
const noticeStreamPath = "/notifications/stream"

func (s *server) notificationRoutes() {
	s.use("GET /notifications", endpoint.ListNotices, s.notifications)
	s.use("GET "+noticeStreamPath, endpoint.ListNotices, s.noticeStream)
	s.use("POST /notifications/read", endpoint.ReadNotices, s.readNotifications)
	s.use("POST /notifications/{id}/read", endpoint.ReadNotices, s.readNotification)
	s.use("POST /account/mail", endpoint.SetMail, s.setMail)
	s.use("GET /admin/mail", endpoint.ListMails, s.mails)
	s.use("POST /admin/mail/{id}/resend", endpoint.ResendMail, s.resendMail)
}

// notificationsBody is a page of the user's notices.
type notificationsBody struct {
	Notices []notice.Message
	Unread  int
	Pager   older
}

func (s *server) notifications(w http.ResponseWriter, r *http.Request) error {
	var p endpoint.NoticeParams
	if err := input.Query(r.URL.Query(), &p); err != nil {
		return err
	}
	unread := 0
	read := func(number int) ([]notice.Message, bool, error) {
		p.Number = &number
		page, err := s.Endpoints.Notices(r.Context(), user(r), p)
		unread = page.Unread
		return page.Notices, page.More, err
	}
	list, links, err := olderPage(r, "/notifications", p.Page(), read)
	if err != nil {
		return err
	}
	return s.page(w, r, "notifications", "Notices", notificationsBody{list, unread, links})
}

func (s *server) readNotifications(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.Endpoints.ReadNotice(r.Context(), user(r), ""); err != nil {
		return err
	}
	return s.redirect(w, r, "/notifications", "All notices are marked as read.")
}

// readNotification marks a notice as read; with a next page, that is where it leads.
func (s *server) readNotification(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.Endpoints.ReadNotice(r.Context(), user(r), r.PathValue("id")); err != nil {
		return err
	}
	if next := r.PostForm.Get("next"); next != "" {
		return s.redirect(w, r, local(next), "")
	}
	return s.redirect(w, r, "/notifications", "")
}

// unread is how many notices the header shows as unread. What can't be counted is shown as
// none: the page itself is what was asked.
func (s *server) unread(r *http.Request) int {
	if r.Method != http.MethodGet {
		return 0
	}
	n, err := s.Notices.Unread(r.Context(), user(r).ID)
	if err != nil {
		s.Log.DebugContext(r.Context(), "notices not counted", "error", err.Error())
	}
	return n
}

// noticeBeat is how often a stream of notices gives a sign of life, and looks whether its
// reader is still signed in.
const noticeBeat = 15 * time.Second

// noticeStream sends how many notices are unread as server-sent events, when that has changed.
// It ends when the process drains, and when the session does.
func (s *server) noticeStream(w http.ResponseWriter, r *http.Request) error {
	out := http.NewResponseController(w)
	changed, end := s.Notices.Hub().Listen(user(r).ID)
	defer end()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy passes it on at once
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	// The deadline of the last piece is over by then, and the end of the answer is still to be written.
	defer func() { _ = out.SetWriteDeadline(time.Now().Add(streamSlack)) }()
	last, begun, next := "", time.Now(), time.Time{}
	for look := true; ; look = false {
		if now := time.Now(); look || !now.Before(next) {
			next = now.Add(noticeBeat)
			piece, err := s.noticePiece(r)
			if err != nil || piece == "" {
				return s.streamError(r, err)
			}
			if piece == last {
				piece = ":\n\n" // a sign of life
			} else {
				last = piece
			}
			if err := out.SetWriteDeadline(now.Add(streamSlack)); err != nil {
				return s.streamError(r, err)
			}
			if _, err := fmt.Fprint(w, piece); err != nil {
				return nil // the reader is gone
			}
			if err := out.Flush(); err != nil {
				return nil
			}
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-changed:
			next = time.Time{}
		case <-tick.C:
		}
		if s.Health.Draining() || time.Since(begun) > streamLasts {
			return nil
		}
	}
}

// noticePiece is what a stream sends next, empty where its reader has signed out.
func (s *server) noticePiece(r *http.Request) (string, error) {
	ctx, cancel := context.WithTimeout(r.Context(), pieceWithin)
	defer cancel()
	if still, err := s.Auth.StillSignedIn(ctx); err != nil || !still {
		return "", err
	}
	n, err := s.Notices.Unread(ctx, user(r).ID)
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(map[string]int{"unread": n})
	return "event: unread\ndata: " + string(data) + "\n\n", err
}

func (s *server) setMail(w http.ResponseWriter, r *http.Request) error {
	var p struct {
		Notices bool `json:"notices"`
	}
	if err := readForm(r, &p); err != nil {
		return err
	}
	message, err := s.Endpoints.SetMail(r.Context(), user(r), p.Notices)
	if err != nil {
		return err
	}
	return s.redirect(w, r, "/account", message)
}

// mailsList is what the shop mails.
type mailsList struct {
	Mails  []mailLine
	State  string // of the mails shown; empty: all
	States []mailing.State
	Pager  older
	Sends  bool
}

type mailLine struct {
	mailing.Entry
	Badge badge
	Dead  bool
}

var mailStates = map[mailing.State]badge{
	mailing.Waiting: {"info", "waiting"}, mailing.Sent: {"good", "sent"}, mailing.Dead: {"bad", "dead letter"},
}

func (s *server) mails(w http.ResponseWriter, r *http.Request) error {
	var p endpoint.MailParams
	if err := input.Query(r.URL.Query(), &p); err != nil {
		return err
	}
	read := func(number int) ([]mailing.Entry, bool, error) {
		p.Number = &number
		return s.Endpoints.Mails(r.Context(), user(r), p)
	}
	list, links, err := olderPage(r, "/admin/mail", p.Page(), read)
	if err != nil {
		return err
	}
	body := mailsList{State: p.State, States: mailing.States(), Sends: s.Endpoints.SendsMail(), Pager: links}
	for _, m := range list {
		body.Mails = append(body.Mails, mailLine{m, mailStates[m.State], m.State == mailing.Dead})
	}
	return s.page(w, r, "admin_mail", "Mail", body)
}

func (s *server) resendMail(w http.ResponseWriter, r *http.Request) error {
	message, err := s.Endpoints.ResendMail(r.Context(), user(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.redirect(w, r, "/admin/mail", message)
}
