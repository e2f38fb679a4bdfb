package endpoint

import (
	"context"
	"errors"
	"net/http"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/mailing"
	"github.com/returnkit/returnkit/refserver/internal/notice"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// The actions on notices and mails.
var (
	ListNotices = Action{Name: "list own notices"}
	ReadNotices = Action{Name: "mark own notices as read"}
	SetMail     = Action{Name: "turn mails on or off"}
	ListMails   = Action{Name: "list mails", Who: Staff}
	ResendMail  = Action{Name: "send a mail again", Who: Staff}
)

// NoticeParams selects notices.
type NoticeParams struct {
	Paging
	Unread bool `json:"unread"` // those alone
}

// NoticePage is a page of notices.
type NoticePage struct {
	Notices []notice.Message
	More    bool // there are older ones
	Unread  int  // up to notice.MaxUnread
}

// noticesPage is how many notices a page has.
const noticesPage = 50

// Notices returns a page of the user's notices, the newest first.
func (e *Endpoints) Notices(ctx context.Context, by auth.User, p NoticeParams) (page NoticePage, err error) {
	if err := ListNotices.Permit(by); err != nil {
		return page, err
	}
	if err := input.Check(p); err != nil {
		return page, err
	}
	page.Notices, page.More, err = e.d.Notices.List(ctx, by.ID, notice.Query{
		Unread: p.Unread, Page: p.Page(), Size: noticesPage,
	})
	if err != nil {
		return page, err
	}
	page.Unread, err = e.d.Notices.Unread(ctx, by.ID)
	return page, err
}

// ReadNotice marks a notice of the user as read, or all where id is empty, and returns how many
// are not.
func (e *Endpoints) ReadNotice(ctx context.Context, by auth.User, id string) (unread int, err error) {
	if err := ReadNotices.Permit(by); err != nil {
		return 0, err
	}
	if id == "" {
		err = e.d.Notices.ReadAll(ctx, by.ID)
	} else {
		err = e.d.Notices.Read(ctx, by.ID, id)
	}
	if errors.Is(err, notice.ErrNotFound) {
		return 0, problem.New(http.StatusNotFound, "NOT_FOUND", "You have no such notice.")
	}
	if err != nil {
		return 0, err
	}
	return e.d.Notices.Unread(ctx, by.ID)
}

// SendsMail reports whether the shop sends mails.
func (e *Endpoints) SendsMail() bool { return e.d.Mailing != nil }

// WantsMail reports whether the user gets notices by mail.
func (e *Endpoints) WantsMail(ctx context.Context, by auth.User) (bool, error) {
	if err := SetMail.Permit(by); err != nil || e.d.Mailing == nil {
		return false, err
	}
	return e.d.Mailing.Wants(ctx, by.ID)
}

// SetMail says whether the user gets notices by mail. Mails that concern the security of the
// account come in any case.
func (e *Endpoints) SetMail(ctx context.Context, by auth.User, wants bool) (string, error) {
	if err := SetMail.Permit(by); err != nil || e.d.Mailing == nil {
		return "", err
	}
	message := "You get notices by e-mail."
	if !wants {
		message = "You get no notices by e-mail. We still e-mail you about the security of your account."
	}
	return message, e.d.Mailing.SetWants(ctx, by.ID, wants)
}

// MailParams selects mails.
type MailParams struct {
	Paging
	State string `json:"state" validate:"omitempty,word=waiting sent dead"`
}

// mailsPage is how many mails a page has.
const mailsPage = 50

// Mails returns a page of what the shop mails, the newest first, without the texts; more
// reports whether there are older ones.
func (e *Endpoints) Mails(
	ctx context.Context, by auth.User, p MailParams,
) (list []mailing.Entry, more bool, err error) {
	if err := ListMails.Permit(by); err != nil {
		return nil, false, err
	}
	if err := input.Check(p); err != nil || e.d.Mailing == nil {
		return nil, false, err
	}
	return e.d.Mailing.List(ctx, mailing.State(p.State), p.Page(), mailsPage)
}

// ResendMail has a mail that was given up sent again.
func (e *Endpoints) ResendMail(ctx context.Context, by auth.User, id string) (string, error) {
	if err := ResendMail.Permit(by); err != nil {
		return "", err
	}
	err := mailing.ErrNotFound
	if e.d.Mailing != nil {
		err = e.d.Mailing.Resend(ctx, id)
	}
	if errors.Is(err, mailing.ErrNotFound) {
		return "", problem.New(http.StatusNotFound, "NOT_FOUND", "There is no such undelivered mail.")
	}
	return "The mail will be sent again.", err
}
