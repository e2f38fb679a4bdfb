package mailing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/mail"
)

const (
	// claimAtOnce is how many mails are claimed in one transaction, and sendFor how long the last
	// of them may wait for its turn: a send takes 20 s at most, and the lease lasts a minute.
	claimAtOnce = 32
	sendFor     = leaseFor / 2
	// settleAfter is how long results wait for the results of the next mails. A process that is killed
	// leaves as many mails to be sent again.
	settleAfter = 100 * time.Millisecond
)

// writeTimeout limits the write of a result, which takes place also when the process stops.
const writeTimeout = 5 * time.Second

// errUnwanted says that a mail has nobody to go to: the account is gone, has no address, or
// wants no notices.
var errUnwanted = errors.New("mailing: the mail has no recipient")

// Work sends at most limit mails that are due, and returns how many it attempted. One that can't be
// sent is tried again later.
func (q *Queue) Work(ctx context.Context, limit int) (n int, err error) {
	for n < limit {
		rows, err := q.claim(ctx, min(limit-n, claimAtOnce))
		if err != nil || len(rows) == 0 {
			return n, err
		}
		attempted, err := q.sendAll(ctx, rows)
		if n += attempted; err != nil {
			return n, err
		}
	}
	return n, nil
}

func (q *Queue) claim(ctx context.Context, limit int) (rows []mailRow, err error) {
	now := q.cfg.Now()
	due := func(sel *bun.SelectQuery) *bun.SelectQuery {
		return lease.WhereDue(sel.Where("m.sent_at IS NULL").Where("m.dead_at IS NULL"), "m", now, GiveUpAfter).
			Order("m.next_at", "m.id").Limit(int64(limit))
	}
	// A look without a lock first: mostly there is nothing.
	look := due(q.cfg.DB.Read().NewSelect().Model((*mailRow)(nil)))
	some, err := lease.WhereFree(look, "m", now, leaseFor).Exists(ctx)
	if err != nil || !some {
		return nil, err
	}
	err = q.cfg.DB.Tx(ctx, "mailing: claim", func(ctx context.Context, tx bun.IDB) error {
		rows, err = lease.ClaimDue[mailRow](ctx, tx, "m", now, leaseFor, due)
		return err
	})
	return rows, err
}

// sendAll sends mails that were claimed together, one after the other, and returns how many it
// attempted. Those for which the lease leaves no time, or that the end of ctx cuts off, go back.
func (q *Queue) sendAll(ctx context.Context, rows []mailRow) (attempted int, err error) {
	claimed := q.cfg.Now()
	var results []mailRow
	for written := claimed; attempted < len(rows); attempted++ {
		now, row := q.cfg.Now(), rows[attempted]
		if now.Sub(claimed) > sendFor {
			break
		}
		if now.Sub(written) > settleAfter {
			if err := q.finish(ctx, results); err != nil {
				return attempted, err
			}
			results, written = nil, now
		}
		err := q.send(ctx, row)
		if err != nil && ctx.Err() != nil {
			break
		}
		if errors.Is(err, errUnwanted) {
			if err := q.drop(ctx, row); err != nil {
				return attempted, errors.Join(err, q.finish(ctx, results))
			}
			continue
		}
		results = append(results, q.result(ctx, row, err))
	}
	return attempted, errors.Join(ctx.Err(), q.finish(ctx, append(results, rows[attempted:]...)))
}

// send makes one attempt.
func (q *Queue) send(ctx context.Context, row mailRow) error {
	u, err := q.cfg.User(ctx, row.UserID)
	if errors.Is(err, auth.ErrNotFound) {
		return errUnwanted
	}
	if err != nil {
		return err
	}
	to := row.Address
	if to == "" {
		to = u.Email
	}
	// What was true of an account when a reset was requested must still be.
	fixed := row.Kind == Reset && (u.Locked || u.Super || !strings.EqualFold(to, u.Email))
	if u.Deleted || to == "" || fixed {
		return errUnwanted
	}
	if row.Kind == News {
		wants, err := q.Wants(ctx, u.ID)
		if err != nil {
			return err
		}
		if !wants {
			return errUnwanted
		}
	}
	m, err := q.message(ctx, row, u)
	if err != nil {
		return err
	}
	m.To, m.ID, m.Optional = to, row.ID, row.Kind == News
	m.Unsubscribe = q.cfg.BaseURL + accountPage
	return q.cfg.Sender.Send(ctx, m)
}

const accountPage = "/account#mail"

// message is the mail of a row.
func (q *Queue) message(ctx context.Context, row mailRow, u auth.User) (mail.Message, error) {
	c := row.Content.V
	footer := "You receive this e-mail because it concerns the security of your account " + u.Username + "."
	switch row.Kind {
	case News:
		footer = "You can turn these e-mails off on your account page: " + q.cfg.BaseURL + accountPage
	case Reset:
		if q.cfg.ResetLink == nil {
			return mail.Message{}, errors.New("mailing: passwords can't be reset by mail")
		}
		link, err := q.cfg.ResetLink(ctx, u)
		if err != nil {
			return mail.Message{}, err
		}
		c = Content{
			Subject: resetSubject, Link: link, LinkText: "Choose a new password",
			Lines: []string{
				"We received a request to reset the password of the account " + u.Username +
					". Open this link within an hour to choose a new one.",
				"If you did not request this, ignore this e-mail. Your password stays as it is.",
			},
		}
	}
	return Render(c, q.cfg.BaseURL, footer)
}

// drop forgets a mail.
func (q *Queue) drop(ctx context.Context, row mailRow) error {
	return q.cfg.DB.Tx(ctx, "mailing: drop", func(ctx context.Context, tx bun.IDB) error {
		_, err := lease.Delete(ctx, tx, &row)
		return err
	})
}

// result is the row after an attempt.
func (q *Queue) result(ctx context.Context, r mailRow, cause error) mailRow {
	now := q.cfg.Now()
	r.Attempts++
	if cause == nil {
		r.SentAt, r.LastError = sqldb.At(now), ""
		return r
	}
	r.LastError = sqldb.ErrorText(cause)
	next := now.Add(q.cfg.Retry.Wait(r.Attempts - 1))
	if next.After(r.CreatedAt.Time().Add(GiveUpAfter)) {
		r.DeadAt = sqldb.At(now)
		q.cfg.Log.ErrorContext(ctx, "gave up on a mail", "mail", r.ID, "kind", r.Kind, "attempts", r.Attempts,
			"error", cause)
		return r
	}
	r.NextAt = sqldb.At(next)
	q.cfg.Log.WarnContext(ctx, "a mail was not sent, will try again", "mail", r.ID, "kind", r.Kind,
		"attempt", r.Attempts, "error", cause)
	return r
}

// finish writes results and ends the leases of their rows, while they are still ours.
func (q *Queue) finish(ctx context.Context, rows []mailRow) error {
	if len(rows) == 0 {
		return nil
	}
	for i := range rows {
		rows[i].Release()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	return q.cfg.DB.Tx(ctx, "mailing: write results", func(ctx context.Context, tx bun.IDB) error {
		return lease.SaveAll(ctx, tx, rows, "next_at", "attempts", "last_error", "sent_at", "dead_at")
	})
}

// State says how a mail stands.
type State string

// The states of a mail.
const (
	Waiting State = "waiting"
	Sent    State = "sent"
	Dead    State = "dead" // given up after two days
)

// States are all of them.
func States() []State { return []State{Waiting, Sent, Dead} }

// Entry is a mail as staff see it, without its text.
type Entry struct {
	ID        string
	UserID    string
	Kind      Kind
	Subject   string
	State     State
	Attempts  int
	CreatedAt time.Time
	NextAt    time.Time // of the next attempt; zero: there is none
	LastError string
}

func (r mailRow) entry() Entry {
	e := Entry{
		ID: r.ID, UserID: r.UserID, Kind: r.Kind, Subject: r.Content.V.Subject, State: Waiting, Attempts: r.Attempts,
		CreatedAt: r.CreatedAt.Time(), NextAt: r.NextAt.Time(), LastError: r.LastError,
	}
	switch {
	case !r.SentAt.IsZero():
		e.State, e.NextAt = Sent, time.Time{}
	case !r.DeadAt.IsZero():
		e.State, e.NextAt = Dead, time.Time{}
	}
	return e
}

// Mail returns a mail without its text, or ErrNotFound.
func (q *Queue) Mail(ctx context.Context, id string) (Entry, error) {
	row := mailRow{ID: id}
	err := q.cfg.DB.Read().NewSelect().Model(&row).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Entry{}, ErrNotFound
	}
	return row.entry(), err
}

// List returns a page of the mails in a state (empty: all), the newest first; more reports
// whether there are older ones.
func (q *Queue) List(ctx context.Context, state State, page, size int) (list []Entry, more bool, err error) {
	var rows []mailRow
	sel := q.cfg.DB.Read().NewSelect().Model(&rows)
	switch state {
	case Waiting:
		sel.Where("m.sent_at IS NULL").Where("m.dead_at IS NULL")
	case Sent:
		sel.Where("m.sent_at IS NOT NULL")
	case Dead:
		sel.Where("m.dead_at IS NOT NULL")
	}
	err = sel.Order("m.created_at DESC", "m.id DESC").Limit(int64(size + 1)).
		Offset(paging.Offset(page, size)).Scan(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("mailing: list: %w", err)
	}
	rows, more = paging.More(rows, size)
	for _, r := range rows {
		list = append(list, r.entry())
	}
	return list, more, nil
}

// Pending returns how many mails wait, the time of the oldest, and how many are dead letters.
func (q *Queue) Pending(ctx context.Context) (n int, oldest time.Time, dead int, err error) {
	var found struct {
		N      int
		Oldest sqldb.Time
	}
	err = q.cfg.DB.Read().NewSelect().Model((*mailRow)(nil)).ColumnExpr("COUNT(*) AS n").
		ColumnExpr("MIN(m.created_at) AS oldest").Where("m.sent_at IS NULL").Where("m.dead_at IS NULL").
		Scan(ctx, &found)
	if err != nil {
		return 0, time.Time{}, 0, fmt.Errorf("mailing: count: %w", err)
	}
	count, err := q.cfg.DB.Read().NewSelect().Model((*mailRow)(nil)).Where("m.dead_at IS NOT NULL").Count(ctx)
	return found.N, found.Oldest.Time(), int(count), err
}

// Resend has a dead letter sent again, for two days more.
func (q *Queue) Resend(ctx context.Context, id string) error {
	found := false
	err := q.cfg.DB.Tx(ctx, "mailing: resend", func(ctx context.Context, tx bun.IDB) (err error) {
		now := sqldb.At(q.cfg.Now())
		found, err = sqldb.ChangedOne(tx.NewUpdate().Model((*mailRow)(nil)).Set("created_at = ?", now).
			Set("next_at = ?", now).Set("attempts = 0").Set("dead_at = NULL").Where("id = ?", id).
			Where("dead_at IS NOT NULL").Exec(ctx))
		return err
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	return err
}

// CleanUp removes mails that ended a month ago, and returns how many.
func (q *Queue) CleanUp(ctx context.Context) (n int, err error) {
	err = q.cfg.DB.Tx(ctx, "mailing: clean up", func(ctx context.Context, tx bun.IDB) (err error) {
		n, err = sqldb.Changed(tx.NewDelete().Model((*mailRow)(nil)).
			Where("created_at < ?", sqldb.At(q.cfg.Now().Add(-keepEnded))).
			Where("(sent_at IS NOT NULL OR dead_at IS NOT NULL)").Exec(ctx))
		return err
	})
	return n, err
}
