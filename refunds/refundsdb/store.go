package refundsdb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/batch"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refunds"
)

// EventPrefix names the tables of this store's events and deliveries, for the
// outbox dispatcher.
const EventPrefix = "refunds"

// Store is a refunds.Store on PostgreSQL or SQLite. It is safe for concurrent
// use, and by many processes on one database.
type Store struct {
	db           *sqlstore.DB
	opens        *batch.Batcher[*changeCall]
	updates      *batch.Batcher[*changeCall]
	byID         *batch.Loader[string, refunds.Refund]
	byProviderID *batch.Loader[string, refunds.Refund]
}

var _ refunds.Store = (*Store)(nil)

// New returns a Store on a database that was migrated.
func New(db *sqlstore.DB) *Store {
	s := &Store{db: db}
	s.opens = sqldb.NewBatcher(db.Slots(), maxCombined, s.openAll)
	s.updates = sqldb.NewBatcher(db.Slots(), maxCombined, s.updateAll)
	s.byID = batch.NewLoader(db.Slots(), maxCombined, s.refundsByID, refunds.Refund.Clone)
	s.byProviderID = batch.NewLoader(db.Slots(), maxCombined, s.refundsByProviderID, refunds.Refund.Clone)
	return s
}

func notFound(what, id string) error {
	return fmt.Errorf("refundsdb: there is no %s %q: %w", what, id, refunds.ErrNotFound)
}

func actor(kind, id, name string) event.Actor {
	return event.Actor{Kind: event.ActorKind(kind), ID: id, Name: name}
}

// storable reports whether a text can be in a column at all.
var storable = sqldb.Storable

// refusal is err as the caller of a store knows it: a refusal of package
// refunds without the store's operation around it, and CodeBalance where only
// the constraint of the balance saw it.
func refusal(err error) error {
	var e *refunds.Error
	if errors.As(err, &e) {
		return e
	}
	if name, ok := sqldb.IsCheck(err); ok && strings.Contains(name, "refund_balance") {
		return &refunds.Error{Code: refunds.CodeBalance, Field: "amount",
			Message: "the payment can't give back that much", Err: err}
	}
	return err
}

// withAttempts turns rows into refunds with one more statement.
func withAttempts(ctx context.Context, db bun.IDB, rows []refundRow) ([]refunds.Refund, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	all := make([]refunds.Refund, len(rows))
	at := make(map[string]int, len(rows))
	ids := make([]string, len(rows))
	for i, r := range rows {
		all[i], at[r.ID], ids[i] = r.refund(), i, r.ID
	}
	var attempts []attemptRow
	err := db.NewSelect().Model(&attempts).Where("a.refund_id IN (?)", bun.List(ids)).Order("a.refund_id",
		"a.number").Scan(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range attempts {
		r := &all[at[a.RefundID]]
		r.Attempts = append(r.Attempts, a.attempt())
	}
	return all, nil
}
