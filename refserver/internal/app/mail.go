package app

import (
	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/refserver/internal/auth/mail"
)

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
