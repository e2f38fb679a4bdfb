// Package mail sends mails to accounts: by SMTP, or into an outbox that a
// developer reads.
package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Message is a mail to one address.
type Message struct {
	To      string
	Subject string
	Text    string // plain
	HTML    string // the same as a page; empty: there is none
	ID      string // the same for each attempt to send it; empty: none
	// Optional mails name the address of the page where they can be turned off.
	Optional    bool
	Unsubscribe string
}

// Kept is a message in an Outbox.
type Kept struct {
	Message
	At time.Time
}

// limit is how many messages an Outbox keeps.
const limit = 100

// Outbox keeps messages in memory instead of sending them, the last hundred of
// them. It is for development: who reads it can take over accounts.
type Outbox struct {
	Log *slog.Logger     // gets a line for each, without the text
	Now func() time.Time // nil: time.Now

	mu   sync.Mutex
	kept []Kept
}

// Send keeps the message.
func (o *Outbox) Send(ctx context.Context, m Message) error {
	now := time.Now
	if o.Now != nil {
		now = o.Now
	}
	o.mu.Lock()
	o.kept = append(o.kept, Kept{Message: m, At: now()})
	o.kept = o.kept[max(0, len(o.kept)-limit):]
	o.mu.Unlock()
	if o.Log != nil {
		o.Log.InfoContext(ctx, "mail kept in the outbox; read it at /dev/mail", "subject", m.Subject)
	}
	return nil
}

// Messages returns what was kept, newest first.
func (o *Outbox) Messages() []Kept {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := slices.Clone(o.kept)
	slices.Reverse(list)
	return list
}

// SMTP sends messages through a mail server.
type SMTP struct {
	from    string
	host    string
	options []gomail.Option
}

// sendTimeout is how long a mail server may take.
const sendTimeout = 20 * time.Second

// NewSMTP returns a sender through the server of an address such as
// smtp://user:password@mail.example.com:587 or smtps://mail.example.com.
// smtp uses TLS where the server offers it, and always before a password.
func NewSMTP(address, from string) (*SMTP, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New("mail: the address of the mail server is not smtp:// or smtps:// with a host")
	}
	s := &SMTP{from: from, host: u.Hostname(), options: []gomail.Option{gomail.WithTimeout(sendTimeout)}}
	policy := gomail.TLSOpportunistic
	if u.User != nil {
		policy = gomail.TLSMandatory
		password, _ := u.User.Password()
		s.options = append(s.options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	if u.Scheme == "smtps" {
		s.options = append(s.options, gomail.WithSSLPort(false))
	} else {
		s.options = append(s.options, gomail.WithTLSPortPolicy(policy))
	}
	if p := u.Port(); p != "" {
		port, err := strconv.Atoi(p)
		if err != nil {
			return nil, fmt.Errorf("mail: port of the mail server: %w", err)
		}
		s.options = append(s.options, gomail.WithPort(port))
	}
	return s, nil
}

// Send hands the message to the mail server.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	msg := gomail.NewMsg()
	if err := msg.From(s.from); err != nil {
		return fmt.Errorf("mail: sender: %w", err)
	}
	if err := msg.To(m.To); err != nil {
		return fmt.Errorf("mail: recipient: %w", err)
	}
	msg.Subject(m.Subject)
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	if m.ID != "" {
		_, domain, _ := strings.Cut(s.from, "@")
		msg.SetMessageIDWithValue(m.ID + "@" + domain)
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	if m.Optional {
		msg.SetGenHeader(gomail.HeaderListUnsubscribe, "<"+m.Unsubscribe+">")
	}
	client, err := gomail.NewClient(s.host, s.options...)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}
