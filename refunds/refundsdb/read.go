package refundsdb

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// Refund implements refunds.Store.
func (s *Store) Refund(ctx context.Context, id string) (refunds.Refund, error) {
	if !storable(id) {
		return refunds.Refund{}, notFound("refund", id)
	}
	r, ok, err := s.byID.Find(ctx, id)
	if err != nil {
		return refunds.Refund{}, fmt.Errorf("refundsdb: refund %s: %w", id, err)
	}
	if !ok {
		return refunds.Refund{}, notFound("refund", id)
	}
	return r, nil
}

func (s *Store) refundsByID(ctx context.Context, ids []string) (map[string]refunds.Refund, error) {
	var rows []refundRow
	if err := s.db.Read().NewSelect().Model(&rows).Where("r.id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, err
	}
	all, err := withAttempts(ctx, s.db.Read(), rows)
	found := make(map[string]refunds.Refund, len(all))
	for _, r := range all {
		found[r.ID] = r
	}
	return found, err
}

// ByProviderID implements refunds.Store. Each answer of a provider asks for it, mostly in vain.
func (s *Store) ByProviderID(ctx context.Context, reference string) (refunds.Refund, error) {
	const what = "refund with the provider's reference"
	if !storable(reference) || reference == "" {
		return refunds.Refund{}, notFound(what, reference)
	}
	r, ok, err := s.byProviderID.Find(ctx, reference)
	if err != nil {
		return refunds.Refund{}, fmt.Errorf("refundsdb: %s %s: %w", what, reference, err)
	}
	if !ok {
		return refunds.Refund{}, notFound(what, reference)
	}
	return r, nil
}

func (s *Store) refundsByProviderID(ctx context.Context, references []string) (map[string]refunds.Refund, error) {
	var of []attemptRow
	// An empty reference is none; with the condition PostgreSQL takes the index, which leaves those out.
	err := s.db.Read().NewSelect().Model(&of).Column("a.refund_id", "a.provider_reference").
		Where("a.provider_reference IN (?)", bun.List(references)).Where("a.provider_reference <> ''").Scan(ctx)
	if err != nil || len(of) == 0 {
		return nil, err
	}
	ids := make([]string, 0, len(of))
	for _, a := range of {
		ids = append(ids, a.RefundID)
	}
	byID, err := s.refundsByID(ctx, ids)
	found := make(map[string]refunds.Refund, len(of))
	for _, a := range of {
		if r, ok := byID[a.RefundID]; ok {
			found[a.ProviderReference] = r
		}
	}
	return found, err
}

// ByClientReferences implements refunds.Store.
func (s *Store) ByClientReferences(ctx context.Context, references []string) (map[string][]refunds.Refund, error) {
	const chunk = 1000
	found := make(map[string][]refunds.Refund, len(references))
	references = slices.DeleteFunc(slices.Clone(references), func(r string) bool { return !storable(r) })
	for some := range slices.Chunk(references, chunk) {
		var rows []refundRow
		err := s.db.Read().NewSelect().Model(&rows).Where("r.reference IN (?)", bun.List(some)).Scan(ctx)
		if err != nil {
			return nil, fmt.Errorf("refundsdb: refunds of %d references: %w", len(references), err)
		}
		best := make(map[[2]string]refundRow, len(rows))
		for _, r := range rows {
			of := [2]string{r.Reference, r.PaymentID}
			if b, ok := best[of]; !ok || beats(r, b) {
				best[of] = r
			}
		}
		rows = slices.SortedFunc(maps.Values(best), func(a, b refundRow) int {
			return cmp.Or(cmp.Compare(a.Leg, b.Leg), cmp.Compare(a.ID, b.ID))
		})
		all, err := withAttempts(ctx, s.db.Read(), rows)
		if err != nil {
			return nil, fmt.Errorf("refundsdb: refunds of %d references: %w", len(references), err)
		}
		for _, r := range all {
			found[r.ClientReference] = append(found[r.ClientReference], r)
		}
	}
	return found, nil
}

// beats reports whether a stands for the reference and payment rather than b.
func beats(a, b refundRow) bool {
	reversed := string(refunds.StatusReversed)
	if (a.Status == reversed) != (b.Status == reversed) {
		return b.Status == reversed
	}
	if c := a.CreatedAt.Time().Compare(b.CreatedAt.Time()); c != 0 {
		return c > 0
	}
	return a.ID > b.ID
}

// List implements refunds.Store.
func (s *Store) List(ctx context.Context, q refunds.Query) ([]refunds.Refund, int, error) {
	q = q.Normalize()
	if !storable(q.OrderID) {
		return nil, 0, nil
	}
	var rows []refundRow
	sel := s.db.Read().NewSelect().Model(&rows)
	if q.OrderID != "" {
		sel.Where("r.order_id = ?", q.OrderID)
	}
	if len(q.Status) > 0 {
		sel.Where("r.status IN (?)", bun.List(q.Status))
	}
	if q.NeedsReview {
		// What is owed beside others is not flagged: whether others stand changes with them.
		db := s.db.Read()
		flagged := db.NewSelect().TableExpr("?(rk)refunds AS r").Column("r.id").Where("r.needs_review")
		owed := db.NewSelect().TableExpr("?(rk)refunds AS r").Column("r.id").WhereGroup(" AND ", owedBeside(db))
		sel.Where("r.id IN (?)", flagged.UnionAll(owed))
	}
	if !q.From.IsZero() {
		sel.Where("r.created_at >= ?", sqldb.At(q.From))
	}
	if !q.To.IsZero() {
		sel.Where("r.created_at < ?", sqldb.At(q.To))
	}
	total, err := sel.Clone().Count(ctx)
	if err == nil && total > 0 {
		err = sel.Order("r.created_at DESC", "r.id DESC").
			Limit(int64(q.PageSize)).Offset(paging.Offset(q.Page, q.PageSize)).Scan(ctx)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("refundsdb: list refunds: %w", err)
	}
	all, err := withAttempts(ctx, s.db.Read(), rows)
	if err != nil {
		return nil, 0, fmt.Errorf("refundsdb: list refunds: %w", err)
	}
	return all, int(total), nil
}

// Claim implements refunds.Store.
func (s *Store) Claim(
	ctx context.Context, now time.Time, lease time.Duration, token string, limit int,
) ([]refunds.Refund, error) {
	if limit < 1 {
		return nil, nil
	}
	due := func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Model((*refundRow)(nil)).Column("r.id").
			Where("r.next_at IS NOT NULL").
			Where("(r.next_at <= ? OR r.updated_at > ?)", sqldb.At(now), sqldb.At(now.Add(refunds.LeaseHorizon))).
			Where("(r.lease_token = '' OR r.lease_until IS NULL OR r.lease_until <= ? OR r.lease_until > ?)",
				sqldb.At(now), sqldb.At(now.Add(refunds.LeaseHorizon))).
			Order("r.next_at", "r.id")
	}
	if s.db.InTx() {
		return nil, fmt.Errorf("refundsdb: claim refunds: %w", payment.ErrInTransaction)
	}
	// Most of the time nothing is due: find that out without a transaction.
	some, err := due(s.db.Read().NewSelect()).Limit(1).Exists(ctx)
	if err != nil {
		return nil, fmt.Errorf("refundsdb: claim refunds: %w", err)
	}
	if !some {
		return nil, nil
	}
	var claimed []refunds.Refund
	err = s.db.Tx(ctx, "refundsdb: claim refunds", func(ctx context.Context, tx bun.IDB) error {
		claimed = nil
		var ids []string
		if err := sqldb.SkipLocked(due(tx.NewSelect()).Limit(int64(limit))).Scan(ctx, &ids); err != nil {
			return err
		}
		if len(ids) == 0 {
			return nil
		}
		var rows []refundRow
		_, err := tx.NewUpdate().Model((*refundRow)(nil)).
			Set("lease_until = ?", sqldb.At(now.Add(lease))).Set("lease_token = ?", token).
			Where("id IN (?)", bun.List(ids)).Exec(ctx)
		if err != nil {
			return err
		}
		if err := tx.NewSelect().Model(&rows).Where("r.id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
			return err
		}
		claimed, err = withAttempts(ctx, tx, rows)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(claimed, func(a, b refunds.Refund) int {
		if c := a.Work.NextAt.Compare(b.Work.NextAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return claimed, nil
}

// Events implements refunds.Store.
func (s *Store) Events(ctx context.Context, id string) ([]event.Event, error) {
	if !storable(id) {
		return nil, notFound("refund", id)
	}
	events, err := outboxdb.Events(ctx, s.db.Read(), EventPrefix, id)
	if err != nil {
		return nil, fmt.Errorf("refundsdb: events of refund %s: %w", id, err)
	}
	if len(events) == 0 {
		return nil, notFound("refund", id)
	}
	return events, nil
}
