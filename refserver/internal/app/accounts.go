package app

import (
	"context"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/refserver/internal/approval"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/mail"
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
	s.Auth, err = auth.New(auth.Config{
		Store: auth.NewDB(s.DB).Recording(s.recordAccount), Record: s.recordAccount, Secret: []byte(c.SecretKey),
		SecureCookies: c.SecureCookies(), MinStrength: c.MinStrength(), Mailer: s.mailer, BaseURL: c.BaseURL(),
		Log: observability.Named(s.Log, "auth"), WeakHashes: s.weakHashes,
		RegistrationsPerHour: c.Registrations(),
	})
	return err
}

// openApprovals makes what stands between returns and refunds. Its Payer is set
// when there are returns.
func (s *App) openApprovals() {
	amount, perDay := s.Config.ApprovalLimits()
	s.Approvals = approval.New(approval.Config{
		DB: s.DB, Refunder: s.Refunds, Audit: s.Audit, Amount: amount, PerDay: perDay,
		Zone: s.Config.DefaultTimezone.Location(), Now: s.now,
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
		s.mailer = smtp
	case !s.Config.Production():
		s.Mails = &mail.Outbox{Log: observability.Named(s.Log, "mail")}
		s.mailer = s.Mails
	}
	return nil
}
