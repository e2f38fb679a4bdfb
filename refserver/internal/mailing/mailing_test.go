package mailing_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/statements"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/mail"
	"github.com/returnkit/returnkit/refserver/internal/mailing"
)

// post is a queue with a mail server that can be away, and a clock.
type post struct {
	*mailing.Queue
	t      *testing.T
	now    time.Time
	away   bool
	onSend func() // nil: nothing
	db     *sqlstore.DB
	user   auth.User
	box    mail.Outbox
	tries  int
}

// Send implements mailing.Sender.
func (p *post) Send(ctx context.Context, m mail.Message) error {
	p.tries++
	if p.onSend != nil {
		p.onSend()
	}
	if p.away {
		return errors.New("the mail server is away")
	}
	return p.box.Send(ctx, m)
}

func each(t *testing.T, fn func(t *testing.T, p *post)) {
	t.Helper()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) { fn(t, newPost(t, db)) })
}

func newPost(t *testing.T, db *sqlstore.DB) *post {
	t.Helper()
	sqlstoretest.Migrated(t, db, mailing.Migrations())
	p := &post{t: t, db: db, now: time.Now(), user: auth.User{ID: "u1", Username: "ada", Email: "ada@example.com"}}
	var err error
	p.Queue, err = mailing.New(mailing.Config{
		DB: db, Sender: p, BaseURL: "https://shop.example.com", Now: func() time.Time { return p.now },
		User: func(_ context.Context, id string) (auth.User, error) {
			if id != p.user.ID {
				return auth.User{}, auth.ErrNotFound
			}
			return p.user, nil
		},
		ResetLink: func(context.Context, auth.User) (string, error) { return "/account/reset?token=T", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *post) add(key string, kind mailing.Kind) {
	p.t.Helper()
	err := p.Add(p.t.Context(), nil, mailing.Mail{Key: key, UserID: "u1", Kind: kind, Content: mailing.Content{
		Subject: "Your return <b>", Lines: []string{"It is <here> & now."}, Link: "/returns/1", LinkText: "Open it",
	}})
	if err != nil {
		p.t.Fatal(err)
	}
}

// work sends what is due, and returns what was sent so far, the newest first.
func (p *post) work() []mail.Kept {
	p.t.Helper()
	if _, err := p.Work(p.t.Context(), 100); err != nil {
		p.t.Fatal(err)
	}
	return p.box.Messages()
}

func TestAMailIsTextAndAPageAndIsSentOnce(t *testing.T) {
	each(t, func(t *testing.T, p *post) {
		p.add("a", mailing.News)
		p.add("a", mailing.News)
		sent := p.work()
		if len(sent) != 1 || len(p.work()) != 1 {
			t.Fatalf("%d mails of one key", len(sent))
		}
		m := sent[0]
		if m.To != "ada@example.com" || !m.Optional || m.ID == "" ||
			!strings.Contains(m.Text, "It is <here> & now.") ||
			!strings.Contains(m.Text, "https://shop.example.com/returns/1") ||
			!strings.Contains(m.Text, "https://shop.example.com/account#mail") {
			t.Errorf("the mail is %+v", m)
		}
		if !strings.Contains(m.HTML, "It is &lt;here&gt; &amp; now.") || strings.Contains(m.HTML, "<b>") ||
			!strings.Contains(m.HTML, `href="https://shop.example.com/returns/1"`) {
			t.Errorf("the page is %s", m.HTML)
		}
	})
}

// TestAResetOutlivesADayWithoutAMailServer: it is retried with waits that grow, and its link
// is made when it is sent.
func TestAResetOutlivesADayWithoutAMailServer(t *testing.T) {
	each(t, func(t *testing.T, p *post) {
		p.away = true
		if err := p.QueueReset(t.Context(), "r1", p.user); err != nil {
			t.Fatal(err)
		}
		for end := p.now.Add(30 * time.Hour); p.now.Before(end); p.now = p.now.Add(10 * time.Minute) {
			p.work()
		}
		if p.tries < 20 || p.tries > 100 {
			t.Errorf("%d attempts in 30 hours", p.tries)
		}
		p.away = false
		p.now = p.now.Add(2 * time.Hour)
		sent := p.work()
		if len(sent) != 1 || !strings.Contains(sent[0].Text, "https://shop.example.com/account/reset?token=T") ||
			!strings.Contains(sent[0].Text, "We received a request to reset the password of the account ada.") ||
			sent[0].Optional {
			t.Errorf("sent is %+v", sent)
		}
	})
}

// TestAMailIsNotHeldByAClockThatWasSetBack: mails, those for new passwords among them, waited for as
// long as it was set back.
func TestAMailIsNotHeldByAClockThatWasSetBack(t *testing.T) {
	each(t, func(t *testing.T, p *post) {
		p.add("a", mailing.Reset)
		p.now = p.now.Add(-time.Hour)
		if sent := p.work(); len(sent) != 1 {
			t.Errorf("an hour back, %d mails are sent", len(sent))
		}
		p.now = p.now.Add(365 * 24 * time.Hour)
		p.away = true
		p.add("b", mailing.News)
		p.work()
		p.away = false
		if sent := p.work(); len(sent) != 1 {
			t.Errorf("%d mails are sent before the wait is over", len(sent))
		}
		p.now = p.now.Add(-365 * 24 * time.Hour)
		if sent := p.work(); len(sent) != 2 {
			t.Errorf("a year back, %d mails are sent", len(sent))
		}
	})
}

// TestAMailThatCanNotBeSentForTwoDaysIsADeadLetter: staff see it with its error, and may send
// it again.
func TestAMailThatCanNotBeSentForTwoDaysIsADeadLetter(t *testing.T) {
	each(t, func(t *testing.T, p *post) {
		p.away = true
		p.add("a", mailing.Security)
		end := p.now.Add(mailing.GiveUpAfter + 2*time.Hour)
		for ; p.now.Before(end); p.now = p.now.Add(30 * time.Minute) {
			p.work()
		}
		tries := p.tries
		p.now = p.now.Add(24 * time.Hour)
		p.work()
		list, _, err := p.List(t.Context(), mailing.Dead, 1, 10)
		if err != nil || len(list) != 1 || p.tries != tries || !strings.Contains(list[0].LastError, "away") {
			t.Fatalf("%+v after %d attempts, then %d; %v", list, tries, p.tries, err)
		}
		if _, _, dead, err := p.Pending(t.Context()); err != nil || dead != 1 {
			t.Errorf("%d dead letters, %v", dead, err)
		}
		p.away = false
		if err := p.Resend(t.Context(), list[0].ID); err != nil {
			t.Fatal(err)
		}
		if len(p.work()) != 1 {
			t.Error("it was not sent again")
		}
		if err := p.Resend(t.Context(), list[0].ID); !errors.Is(err, mailing.ErrNotFound) {
			t.Errorf("one that was sent: %v", err)
		}
	})
}

// TestMailsThatNobodyGetsAreDropped: of accounts that are gone, want none, or are no longer
// what they were when a reset was requested.
func TestMailsThatNobodyGetsAreDropped(t *testing.T) {
	for name, tt := range map[string]struct {
		kind   mailing.Kind
		change func(t *testing.T, p *post)
		sent   int
	}{
		"a notice, turned off": {mailing.News, refuse, 0},
		"security, turned off": {mailing.Security, refuse, 1},
		"deleted":              {mailing.Security, func(_ *testing.T, p *post) { p.user.Deleted = true }, 0},
		"unknown":              {mailing.Security, func(_ *testing.T, p *post) { p.user.ID = "u2" }, 0},
		"a reset, locked":      {mailing.Reset, func(_ *testing.T, p *post) { p.user.Locked = true }, 0},
		"a reset, elsewhere":   {mailing.Reset, func(_ *testing.T, p *post) { p.user.Email = "eve@example.com" }, 0},
		"a reset":              {mailing.Reset, func(*testing.T, *post) {}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t, sqlstoretest.SQLite(t))
			if tt.kind == mailing.Reset {
				if err := p.QueueReset(t.Context(), "r1", p.user); err != nil {
					t.Fatal(err)
				}
			} else {
				p.add("a", tt.kind)
			}
			tt.change(t, p)
			if sent := p.work(); len(sent) != tt.sent {
				t.Errorf("%d mails, want %d", len(sent), tt.sent)
			}
			if n, _, _, err := p.Pending(t.Context()); err != nil || n != 0 {
				t.Errorf("%d wait, %v", n, err)
			}
		})
	}
}

func refuse(t *testing.T, p *post) {
	if err := p.SetWants(t.Context(), "u1", false); err != nil {
		t.Fatal(err)
	}
}

// TestAMailOutlivesAFailedReadOfWhetherItIsWanted: it waits, and is sent when that is known.
func TestAMailOutlivesAFailedReadOfWhetherItIsWanted(t *testing.T) {
	each(t, func(t *testing.T, p *post) {
		p.add("a", mailing.News)
		p.rename("mail_refusals", "mail_refusals_away")
		if sent := p.work(); len(sent) != 0 {
			t.Fatalf("%d mails were sent without knowing whether they are wanted", len(sent))
		}
		p.rename("mail_refusals_away", "mail_refusals")
		if n, _, _, err := p.Pending(t.Context()); err != nil || n != 1 {
			t.Fatalf("%d mails wait, %v; want 1", n, err)
		}
		p.now = p.now.Add(time.Hour)
		if sent := p.work(); len(sent) != 1 {
			t.Errorf("%d mails were sent", len(sent))
		}
	})
}

// rename gives a table another name.
func (p *post) rename(table, to string) {
	p.t.Helper()
	_, err := p.db.Writer().
		ExecContext(p.t.Context(), "ALTER TABLE ? RENAME TO ?", p.db.Table(table),
			bun.Ident("rk_"+to))
	if err != nil {
		p.t.Fatal(err)
	}
}

// TestAMailThatWasSentIsNotSentAgainWhenTheProcessStops: right after the server has taken it.
func TestAMailThatWasSentIsNotSentAgainWhenTheProcessStops(t *testing.T) {
	for name, away := range map[string]bool{"taken": false, "cut off": true} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, p *post) {
				p.add("a", mailing.Security)
				ctx, stop := context.WithCancel(t.Context())
				p.away, p.onSend = away, stop
				if _, err := p.Work(ctx, 1); err != nil && !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				p.away, p.onSend = false, nil
				if sent := p.work(); len(sent) != 1 {
					t.Errorf("it was sent %d times", len(sent))
				}
				list, _, err := p.List(t.Context(), mailing.Sent, 1, 10)
				if err != nil || len(list) != 1 || list[0].Attempts != 1 {
					t.Errorf("%+v, %v", list, err)
				}
			})
		})
	}
}

// TestMailsThatWaitAreClaimedAndSettledTogether: in two transactions, however many there are.
func TestMailsThatWaitAreClaimedAndSettledTogether(t *testing.T) {
	each(t, func(t *testing.T, p *post) {
		const n = 20
		for i := range n {
			p.add(fmt.Sprint("mail ", i), mailing.Security)
		}
		c := statements.Watch(p.db)
		if sent := p.work(); len(sent) != n {
			t.Errorf("%d mails were sent", len(sent))
		}
		// A look, what is due, and in one round trip a lease of each; in one round trip the results;
		// and a look that finds no more.
		c.Want(t, "mails that wait", 3+2*n, 2)
	})
}

// TestASlowMailServerSendsNoMailTwice: what its lease leaves no time for goes back, and others
// who send at the same time get that.
func TestASlowMailServerSendsNoMailTwice(t *testing.T) {
	each(t, func(t *testing.T, p *post) {
		const n = 6
		for i := range n {
			p.add(fmt.Sprint("mail ", i), mailing.Security)
		}
		other := newPost(t, p.db)
		p.onSend = func() {
			p.now = p.now.Add(20 * time.Second) // as long as it may take
			other.now = p.now
			other.work()
		}
		p.work()
		mine, others := p.box.Messages(), other.box.Messages()
		sent := map[string]bool{}
		for _, m := range append(mine, others...) {
			if sent[m.ID] {
				t.Errorf("the mail %s was sent twice", m.ID)
			}
			sent[m.ID] = true
		}
		if len(sent) != n {
			t.Errorf("%d of %d mails were sent", len(sent), n)
		}
	})
}
