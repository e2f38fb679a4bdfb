package api

import (
	"net/http"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/mailing"
	"github.com/returnkit/returnkit/refserver/internal/notice"
)

func (a *API) notificationRoutes() {
	a.use("GET /api/notifications", endpoint.ListNotices, a.listNotifications)
	a.use("POST /api/notifications/read", endpoint.ReadNotices, a.readNotification)
	a.use("POST /api/notifications/{id}/read", endpoint.ReadNotices, a.readNotification)
	a.use("GET /api/admin/mail", endpoint.ListMails, a.listMails)
	a.use("POST /api/admin/mail/{id}/resend", endpoint.ResendMail, a.resendMail)
}

// notificationJSON is a notice.
type notificationJSON struct {
	ID        string     `json:"id"`
	Type      string     `json:"type"`
	Title     string     `json:"title"`
	Text      string     `json:"text"`
	URL       string     `json:"url"` // the page it is about, from the root of the shop
	CreatedAt time.Time  `json:"created_at"`
	Read      bool       `json:"read"`
	ReadAt    *time.Time `json:"read_at"`
}

func notificationOf(m notice.Message) notificationJSON {
	return notificationJSON{
		m.ID, m.Kind, m.Title, m.Text, m.Href, m.At.UTC(), !m.ReadAt.IsZero(), when(m.ReadAt),
	}
}

func (a *API) listNotifications(r *http.Request) (int, any, error) {
	var p endpoint.NoticeParams
	if err := input.Query(r.URL.Query(), &p); err != nil {
		return 0, nil, err
	}
	page, err := a.Endpoints.Notices(r.Context(), user(r), p)
	return http.StatusOK, map[string]any{
		"notifications": all(page.Notices, notificationOf), "unread": page.Unread, "more": page.More,
	}, err
}

// readNotification marks one as read, or all.
func (a *API) readNotification(r *http.Request) (int, any, error) {
	unread, err := a.Endpoints.ReadNotice(r.Context(), user(r), r.PathValue("id"))
	return http.StatusOK, map[string]any{"success": true, "unread": unread}, err
}

// mailJSON is a mail without its text.
type mailJSON struct {
	ID        string        `json:"id"`
	UserID    string        `json:"user_id"`
	Kind      mailing.Kind  `json:"kind"`
	Subject   string        `json:"subject"`
	State     mailing.State `json:"state"`
	Attempts  int           `json:"attempts"`
	CreatedAt time.Time     `json:"created_at"`
	NextAt    *time.Time    `json:"next_at"`
	LastError string        `json:"last_error"`
}

func mailOf(m mailing.Entry) mailJSON {
	return mailJSON{
		m.ID, m.UserID, m.Kind, m.Subject, m.State, m.Attempts, m.CreatedAt.UTC(), when(m.NextAt), m.LastError,
	}
}

func (a *API) listMails(r *http.Request) (int, any, error) {
	var p endpoint.MailParams
	if err := input.Query(r.URL.Query(), &p); err != nil {
		return 0, nil, err
	}
	list, more, err := a.Endpoints.Mails(r.Context(), user(r), p)
	return http.StatusOK, map[string]any{"mails": all(list, mailOf), "more": more}, err
}

func (a *API) resendMail(r *http.Request) (int, any, error) {
	message, err := a.Endpoints.ResendMail(r.Context(), user(r), r.PathValue("id"))
	return http.StatusOK, map[string]any{"success": true, "message": message}, err
}
