package app

import (
	"context"
	"net/http"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/refserver/internal/approval"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/mail"
	"github.com/returnkit/returnkit/refserver/internal/mailing"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// openAccounts makes the audit and the accounts that it records.
func (s *App) openAccounts(ctx context.Context) (err error) {
	c := s.Config
	s.Audit = audit.New(s.DB, s.now, observability.Named(s.Log, "audit"))
	if err := s.recordSettings(ctx); err != nil {
		return err
	}
	if err := s.openMail(); err != nil {
		return err
	}
	var queue auth.ResetQueue
	if s.Mailing != nil {
		queue = s.Mailing
	}
	s.Auth, err = auth.New(auth.Config{
		Store: auth.NewDB(s.DB).Recording(s.recordAccount), Record: s.recordAccount, Secret: []byte(c.SecretKey),
		SecureCookies: c.SecureCookies(), MinStrength: c.MinStrength(), RoleAge: c.ApprovalRoleAge(), Mailer: queue,
		Log: observability.Named(s.Log, "auth"), WeakHashes: s.weakHashes,
		RegistrationsPerHour: c.Registrations(),
		OnError:              func(w http.ResponseWriter, r *http.Request, err error) { problem.Of(err).Refuse(w, r) },
	})
	return err
}

// openApprovals makes what stands between returns and refunds. Its Payer is set
// when there are returns.
func (s *App) openApprovals() {
	amount, perDay := s.Config.ApprovalLimits()
	s.Approvals = approval.New(approval.Config{
		DB: s.DB, Refunder: s.Refunds, Rests: s.Refunds, Audit: s.Audit, Amount: amount, PerDay: perDay,
		Zone: s.Config.DefaultTimezone.Location(), Now: s.now, CountsAs: s.Auth.CountsAs,
	})
}

// openMail makes what sends mails: the mail server of the settings, or in
// development an outbox that the shop shows. Production without a mail server
// has neither.
func (s *App) openMail() error {
	switch {
	case s.Config.SMTPURL != "":
		smtp, err := mail.NewSMTP(string(s.Config.SMTPURL), s.Config.MailFrom)
		if err != nil {
			return s.Config.Unusable("SMTP_URL", err)
		}
		return s.openMailing(smtp)
	case !s.Config.Production():
		s.Mails = &mail.Outbox{Log: observability.Named(s.Log, "mail")}
		return s.openMailing(s.Mails)
	}
	return nil
}

// openMailing makes the queue of mails, which asks the accounts when they are there.
func (s *App) openMailing(to mailing.Sender) (err error) {
	s.Mailing, err = mailing.New(mailing.Config{
		DB: s.DB, Sender: to, BaseURL: s.Config.BaseURL(), Now: s.now, Log: observability.Named(s.Log, "mail"),
		User:      func(ctx context.Context, id string) (auth.User, error) { return s.Auth.User(ctx, id) },
		ResetLink: func(ctx context.Context, u auth.User) (string, error) { return s.Auth.ResetLink(ctx, u) },
	})
	return err
}
