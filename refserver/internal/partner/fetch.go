package partner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/uptrace/bun"

	leases "github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/refserver/internal/outbound"
	"github.com/returnkit/returnkit/returns/budget"
)

const (
	fetchTimeout = 30 * time.Second
	fetchLease   = 2 * fetchTimeout
)

// fetcher asks partners' addresses. It follows no redirect, uses no proxy, and connects
// to public addresses alone, as they are when the connection is made.
type fetcher struct{ client *http.Client }

func newFetcher(private bool) fetcher { return fetcher{outbound.NewClient(fetchTimeout, private)} }

// get fetches a feed.
func (f fetcher) get(ctx context.Context, address, token string) (Feed, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Feed{}, errors.New("the address cannot be used")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := f.client.Do(r)
	if err != nil {
		return Feed{}, fetchError(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return Feed{}, fmt.Errorf("the partner's address answered %d; it must answer 200, redirects are not followed",
			res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxBytes+1))
	if err != nil {
		return Feed{}, fetchError(err)
	}
	return Feed{ContentType: res.Header.Get("Content-Type"), Body: body, Origin: "fetched"}, nil
}

// fetchError says what failed without the address: a name in it may be inside knowledge.
func fetchError(err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, outbound.ErrPrivate):
		return outbound.ErrPrivate
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("the partner's address did not answer within %s", fetchTimeout)
	}
	return errors.New("the partner's address cannot be reached")
}

// writeTimeout limits the write of how a fetch ended, which takes place also when the process stops.
const writeTimeout = 5 * time.Second

// FetchNow has the feed of a partner fetched at the next look.
func (s *Service) FetchNow(ctx context.Context, id string) error {
	return s.cfg.DB.Tx(ctx, "partner: fetch now", func(ctx context.Context, tx bun.IDB) error {
		row := partnerRow{ID: id}
		if err := sqldb.ForUpdate(tx.NewSelect().Model(&row).WherePK()).Scan(ctx); err != nil {
			return ErrNotFound
		}
		if row.FeedURL == "" {
			return &Invalid{"feed_url", "The partner has no address that a feed is fetched from."}
		}
		row.NextAt = sqldb.At(s.cfg.Now())
		_, err := tx.NewUpdate().Model(&row).WherePK().Column("next_at").Exec(ctx)
		return err
	})
}

// FetchDue fetches the feed of one partner whose time has come, and stores it for Work. It
// reports whether there was one.
func (s *Service) FetchDue(ctx context.Context) (more bool, err error) {
	if err := s.pullForward(ctx); err != nil {
		return false, err
	}
	row, found, err := s.claimFetch(ctx)
	if err != nil || !found {
		return false, err
	}
	var run Run
	token, ferr := s.open(row)
	if ferr == nil {
		var feed Feed
		if feed, ferr = s.fetch.get(ctx, row.FeedURL, token); ferr == nil {
			run, ferr = s.startFetched(ctx, row.partner(), feed)
		}
	}
	if ferr != nil && ctx.Err() != nil {
		return false, ctx.Err()
	}
	words := ""
	if ferr != nil {
		words = ferr.Error()
		s.cfg.Log.WarnContext(ctx, "a partner's feed was not fetched", "partner", row.ID, "error", ferr)
	} else {
		s.cfg.Log.InfoContext(ctx, "a partner's feed was fetched", "partner", row.ID, "feed", run.ID)
	}
	return true, s.fetched(ctx, row, words)
}

// startFetched is Start, in the memory that feeds share.
func (s *Service) startFetched(ctx context.Context, p Partner, f Feed) (Run, error) {
	release, err := s.Admit(ctx, p, int64(len(f.Body)))
	if errors.Is(err, budget.ErrBusy) {
		err = errors.New("the partner is sending feeds itself; they come first")
	}
	if err != nil {
		return Run{}, err
	}
	defer release()
	return s.Start(ctx, p, f)
}

// pullEvery is how often fetches are looked for that a clock which was set back has left for later.
const pullEvery = time.Minute

// pullForward has such feeds fetched now: no schedule puts a fetch after the one that it would
// choose at this moment.
func (s *Service) pullForward(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	if since := now.Sub(s.pulled); since >= 0 && since < pullEvery {
		return nil
	}
	err := s.cfg.DB.Tx(ctx, "partner: pull forward", func(ctx context.Context, tx bun.IDB) error {
		var rows []partnerRow
		later := tx.NewSelect().Model(&rows).Where("next_at > ?", sqldb.At(now.Add(leases.ClockSlack))).
			Order("id") // as every replica locks them
		if err := sqldb.ForUpdate(later).Scan(ctx); err != nil {
			return err
		}
		for _, row := range rows {
			last := Schedule(row.Schedule).next(now, s.cfg.Zone)
			if !row.NextAt.Time().After(last.Add(leases.ClockSlack)) {
				continue
			}
			row.NextAt = sqldb.At(now)
			if _, err := tx.NewUpdate().Model(&row).WherePK().Column("next_at").Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.pulled = now
	}
	return err
}

func (s *Service) claimFetch(ctx context.Context) (row partnerRow, found bool, err error) {
	err = s.cfg.DB.Tx(ctx, "partner: claim fetch", func(ctx context.Context, tx bun.IDB) error {
		now := s.cfg.Now()
		rows, err := leases.ClaimDue[partnerRow](ctx, tx, "p", now, fetchLease,
			func(q *bun.SelectQuery) *bun.SelectQuery {
				return q.Where("next_at <= ?", sqldb.At(now)).Order("next_at", "id").Limit(1)
			})
		if found = len(rows) > 0; found {
			row = rows[0]
		}
		return err
	})
	return row, found, err
}

// fetched notes how a fetch ended and when the next is, as the partner is now; also when the
// process stops, so that a feed that was taken is not fetched twice.
func (s *Service) fetched(ctx context.Context, was partnerRow, words string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	return s.cfg.DB.Tx(ctx, "partner: end fetch", func(ctx context.Context, tx bun.IDB) error {
		row := partnerRow{ID: was.ID}
		if err := sqldb.ForUpdate(tx.NewSelect().Model(&row).WherePK()).Scan(ctx); err != nil {
			return err
		}
		if row.LeaseToken != was.LeaseToken {
			return nil // another process has taken over
		}
		row.Release()
		row.LastError = words
		if row.NextAt == was.NextAt { // else somebody asked for another fetch in the meantime
			row.NextAt = sqldb.At(Schedule(row.Schedule).next(s.cfg.Now(), s.cfg.Zone))
		}
		_, err := tx.NewUpdate().Model(&row).WherePK().Exec(ctx)
		return err
	})
}
