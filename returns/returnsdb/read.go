package returnsdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/returns"
)

// withLines adds the lines of all rows, in one query.
func withLines(ctx context.Context, db bun.IDB, rows []returnRow) ([]returns.Return, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	var lines []lineRow
	err := db.NewSelect().Model(&lines).
		Where("l.return_id IN (?)", bun.List(ids)).
		Order("l.return_id", "l.position").Scan(ctx)
	if err != nil {
		return nil, err
	}
	byReturn := make(map[string][]returns.Line, len(rows))
	for _, l := range lines {
		byReturn[l.ReturnID] = append(byReturn[l.ReturnID], l.line())
	}
	out := make([]returns.Return, len(rows))
	for i, r := range rows {
		out[i] = r.toReturn(byReturn[r.ID])
	}
	return out, nil
}

// Return implements returns.Store. Calls that meet are two statements together.
func (s *Store) Return(ctx context.Context, id string) (returns.Return, error) {
	if !storable(id) {
		return returns.Return{}, notFound("return", id)
	}
	r, ok, err := s.byID.Find(ctx, id)
	if err != nil {
		return returns.Return{}, fmt.Errorf("returnsdb: return %s: %w", id, err)
	}
	if !ok {
		return returns.Return{}, notFound("return", id)
	}
	return r, nil
}

func (s *Store) returnsByID(ctx context.Context, ids []string) (map[string]returns.Return, error) {
	return byID(ctx, s.db.Read(), s.db.Read().NewSelect().Where("r.id IN (?)", bun.List(ids)))
}

// byID loads the returns that q selects.
func byID(ctx context.Context, db bun.IDB, q *bun.SelectQuery) (map[string]returns.Return, error) {
	var rows []returnRow
	if err := q.Model(&rows).Scan(ctx); err != nil {
		return nil, err
	}
	all, err := withLines(ctx, db, rows)
	found := make(map[string]returns.Return, len(all))
	for _, r := range all {
		found[r.ID] = r
	}
	return found, err
}

// List implements returns.Store.
func (s *Store) List(ctx context.Context, q returns.Query) ([]returns.Return, int, error) {
	q = q.Normalize()
	if !storable(q.CustomerID) || !storable(q.OrderID) || !storable(q.Text) {
		return nil, 0, nil
	}
	var rows []returnRow
	sel := s.db.Read().NewSelect().Model(&rows)
	if q.CustomerID != "" {
		sel.Where("r.customer_id = ?", q.CustomerID)
	}
	if q.OrderID != "" {
		sel.Where("r.order_id = ?", q.OrderID)
	}
	if len(q.Status) > 0 {
		sel.Where("r.status IN (?)", bun.List(q.Status))
	}
	if q.OpenTasks {
		sel.Where("r.open_tasks > 0")
	}
	if !q.From.IsZero() {
		sel.Where("r.created_at >= ?", sqldb.At(q.From))
	}
	if !q.To.IsZero() {
		sel.Where("r.created_at < ?", sqldb.At(q.To))
	}
	if q.Text != "" {
		sel.Where(`r.search LIKE ? ESCAPE '!'`, "%"+likeEscaper.Replace(strings.ToLower(q.Text))+"%")
	}
	sel.Order("r.created_at DESC", "r.id DESC")
	var total int64
	var err error
	if q.CountUpTo > 0 {
		some := sel.Clone().ColumnExpr("1").Limit(int64(q.CountUpTo))
		err = s.db.Read().NewSelect().TableExpr("(?) AS counted", some).ColumnExpr("COUNT(*)").Scan(ctx, &total)
	} else {
		total, err = sel.Clone().Count(ctx)
	}
	if err == nil && total > 0 {
		err = sel.Limit(int64(q.PageSize)).Offset(paging.Offset(q.Page, q.PageSize)).Scan(ctx)
	}
	var all []returns.Return
	if err == nil {
		all, err = withLines(ctx, s.db.Read(), rows)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("returnsdb: list returns: %w", err)
	}
	return all, int(total), nil
}

var likeEscaper = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// Claims implements returns.Store.
func (s *Store) Claims(ctx context.Context, orderIDs ...string) (map[string]returns.Claims, error) {
	const chunk = 1000
	claims := map[string]returns.Claims{}
	orderIDs = slices.DeleteFunc(slices.Clone(orderIDs), func(id string) bool { return !storable(id) })
	for some := range slices.Chunk(orderIDs, chunk) {
		var rows []unitRow
		err := s.db.Read().NewSelect().
			Model(&rows).
			Where("u.order_id IN (?)", bun.List(some)).
			Where("u.claimed > 0").Scan(ctx)
		if err != nil {
			return nil, fmt.Errorf("returnsdb: claims of %d orders: %w", len(orderIDs), err)
		}
		for _, u := range rows {
			if claims[u.OrderID] == nil {
				claims[u.OrderID] = returns.Claims{}
			}
			claims[u.OrderID][u.OrderLineID] = int(u.Claimed)
		}
	}
	return claims, nil
}

// Counts implements returns.Store.
func (s *Store) Counts(ctx context.Context) (map[returns.Status]int, error) {
	var rows []struct {
		Status string
		N      int
	}
	open := slices.DeleteFunc(returns.Statuses(), returns.Status.Final)
	err := s.db.Read().NewSelect().Model((*returnRow)(nil)).Column("r.status").ColumnExpr("COUNT(*) AS n").
		Where("r.status IN (?)", bun.List(open)).Group("r.status").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("returnsdb: count returns: %w", err)
	}
	counts := make(map[returns.Status]int, len(rows))
	for _, r := range rows {
		counts[returns.Status(r.Status)] = r.N
	}
	return counts, nil
}

// Events implements returns.Store.
func (s *Store) Events(ctx context.Context, id string) ([]event.Event, error) {
	if !storable(id) {
		return nil, notFound("return", id)
	}
	events, err := outboxdb.Events(ctx, s.db.Read(), EventPrefix, id)
	if err != nil {
		return nil, fmt.Errorf("returnsdb: events of return %s: %w", id, err)
	}
	if len(events) == 0 {
		return nil, notFound("return", id)
	}
	return events, nil
}

// Publish implements returns.Store.
func (s *Store) Publish(ctx context.Context, t returns.Terms) (returns.Terms, error) {
	if err := t.Check(); err != nil {
		return returns.Terms{}, err
	}
	err := s.db.Tx(ctx, "returnsdb: publish terms", func(ctx context.Context, tx bun.IDB) error {
		n, err := next(ctx, tx, "terms")
		if err != nil {
			return err
		}
		t.Version = n
		row := rowOfTerms(t)
		_, err = tx.NewInsert().Model(&row).Exec(ctx)
		return err
	})
	if err != nil {
		return returns.Terms{}, err
	}
	return t, nil
}

// termsCache keeps terms by id: published terms stay as they are, and each step
// of a case asks for its order's terms. It is safe for concurrent use.
type termsCache struct {
	mu   sync.Mutex
	byID map[string]returns.Terms
}

// maxTermsCached bounds it; versions of the terms are few.
const maxTermsCached = 256

func (c *termsCache) get(id string) (returns.Terms, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.byID[id]
	return own(t), ok
}

func (c *termsCache) put(t returns.Terms) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil || len(c.byID) >= maxTermsCached {
		c.byID = map[string]returns.Terms{}
	}
	c.byID[t.ID] = own(t)
}

// own is t with slices of its own.
func own(t returns.Terms) returns.Terms {
	t.Policy = t.Policy.Clone()
	return t
}

// Terms implements returns.Store.
func (s *Store) Terms(ctx context.Context, id string) (returns.Terms, error) {
	if id == "" {
		return s.currentTerms(ctx)
	}
	if !storable(id) {
		return returns.Terms{}, notFound("terms", id)
	}
	if t, ok := s.known.get(id); ok {
		return t, nil
	}
	t, err := s.oneTerms(ctx, id, s.db.Read().NewSelect().Where("t.id = ?", id))
	if err == nil {
		s.known.put(t)
	}
	return t, err
}

// currentCall is a call of currentTerms on its way.
type currentCall struct {
	terms returns.Terms
	err   error
}

// currentTerms returns the latest version. Concurrent calls (of many checkouts, say)
// are one statement, sent after the last of them came.
func (s *Store) currentTerms(ctx context.Context) (returns.Terms, error) {
	c := &currentCall{}
	if err := s.terms.Do(ctx, c); err != nil {
		return returns.Terms{}, fmt.Errorf("returnsdb: current terms: %w", err)
	}
	return c.terms, c.err
}

func (s *Store) readCurrentTerms(ctx context.Context, calls []*currentCall) {
	t, err := s.oneTerms(ctx, "current", s.db.Read().NewSelect().Order("t.version DESC").Limit(1))
	for _, c := range calls {
		c.terms, c.err = own(t), err
	}
}

func (s *Store) oneTerms(ctx context.Context, id string, q *bun.SelectQuery) (returns.Terms, error) {
	var row termsRow
	err := q.Model(&row).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return returns.Terms{}, notFound("terms", id)
	}
	if err != nil {
		return returns.Terms{}, fmt.Errorf("returnsdb: terms %s: %w", id, err)
	}
	return row.terms(), nil
}

// AllTerms implements returns.Store.
func (s *Store) AllTerms(ctx context.Context) ([]returns.Terms, error) {
	var rows []termsRow
	if err := s.db.Read().NewSelect().Model(&rows).Order("t.version DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("returnsdb: all terms: %w", err)
	}
	out := make([]returns.Terms, len(rows))
	for i, r := range rows {
		out[i] = r.terms()
	}
	return out, nil
}
