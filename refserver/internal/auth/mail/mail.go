// Package mail sends mails to accounts: by SMTP, or into an outbox that a
// developer reads.
package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
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
	tls     *tls.Config // of a server that speaks TLS from the first byte; nil for others
}

// sendTimeout is how long a mail server may take, and maxAnswers how many bytes it may send in all:
// several times what servers send, certificates included. An answer of many lines is read in
// time that grows with the square of its length.
const (
	sendTimeout = 20 * time.Second
	maxAnswers  = 32 << 10
)

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
	port := u.Port()
	if u.Scheme == "smtps" {
		s.tls = &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}
		s.options, port = append(s.options, gomail.WithTLSPolicy(gomail.TLSOpportunistic)), cmp.Or(port, "465")
	} else {
		s.options = append(s.options, gomail.WithTLSPortPolicy(policy))
	}
	if port != "" {
		number, err := strconv.Atoi(port)
		if err != nil {
			return nil, fmt.Errorf("mail: port of the mail server: %w", err)
		}
		s.options = append(s.options, gomail.WithPort(number))
	}
	return s, nil
}

// dial connects to the mail server. The connection reads at most maxAnswers bytes.
func (s *SMTP) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn = &bounded{conn, maxAnswers}
	if s.tls == nil {
		return conn, nil
	}
	secure := tls.Client(conn, s.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

// bounded is a connection that fails after so many bytes were read.
type bounded struct {
	net.Conn
	left int
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the mail server says more than %d bytes", maxAnswers)
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
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
	// The client leaves the connection open where its first answers are not understood.
	var conn net.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close() // again, where the client has closed it
		}
	}()
	dial := func(ctx context.Context, network, address string) (c net.Conn, err error) {
		if c, err = s.dial(ctx, network, address); err == nil {
			conn = c
		}
		return c, err
	}
	client, err := gomail.NewClient(s.host, append(slices.Clip(s.options), gomail.WithDialContextFunc(dial))...)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}
