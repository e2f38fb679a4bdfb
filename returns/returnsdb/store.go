package returnsdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/batch"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/returns"
)

// EventPrefix names the tables of this store's events and deliveries, for the
// outbox dispatcher.
const EventPrefix = "returns"

// Store is a returns.Store on PostgreSQL or SQLite. It is safe for concurrent
// use, and by many processes on one database.
type Store struct {
	db      *sqlstore.DB
	updates *batch.Batcher[*updateCall]
	byID    *batch.Loader[string, returns.Return]
	terms   *batch.Batcher[*currentCall]
	known   termsCache
}

var _ returns.Store = (*Store)(nil)

// New returns a Store on a database that was migrated.
func New(db *sqlstore.DB) *Store {
	s := &Store{db: db}
	s.updates = sqldb.NewBatcher(db.Slots(), maxCombined, s.updateAll)
	s.byID = batch.NewLoader(db.Slots(), maxCombined, s.returnsByID, returns.Return.Clone)
	s.terms = batch.New(db.Slots(), 1000, s.readCurrentTerms)
	return s
}

func notFound(what, id string) error {
	return fmt.Errorf("returnsdb: there is no %s %q: %w", what, id, returns.ErrNotFound)
}

// storable reports whether a text can be in a column at all.
var storable = sqldb.Storable

// refusal is err as the caller of a store knows it: a refusal of package
// returns without the store's operation around it, and ALREADY_RETURNED where
// only the constraint of the unit guard saw it.
func refusal(err error) error {
	var e *returns.Error
	if errors.As(err, &e) {
		return e
	}
	if name, ok := sqldb.IsCheck(err); ok && strings.HasSuffix(name, "return_units_check") {
		return &returns.Error{
			Code: returns.Code(returns.AlreadyReturned), Field: "quantity",
			Message: "That many units are not left to return.", Err: err,
		}
	}
	return err
}

// Create implements returns.Store.
func (s *Store) Create(
	ctx context.Context, o purchase.Purchase, decide func(returns.Units) (returns.Change, error),
) (returns.Return, error) {
	if !storable(o.OrderID) {
		return returns.Return{}, &returns.Error{
			Code: returns.CodeInvalid, Field: "order_id", Message: "It is not text; UTF-8 without NUL is allowed.",
		}
	}
	var c returns.Change
	err := s.db.Tx(ctx, "returnsdb: create return", func(ctx context.Context, tx bun.IDB) error {
		if err := seedUnits(ctx, tx, o); err != nil {
			return err
		}
		units, err := lockUnits(ctx, tx.NewSelect().Where("u.order_id = ?", o.OrderID))
		if err != nil {
			return err
		}
		if c, err = decide(unitsOf(units)); err != nil {
			return err
		}
		if c, err = numbered(ctx, tx, c); err != nil {
			return err
		}
		return sqldb.Pipeline(ctx, tx, func(w bun.IDB) error {
			if err := insertReturn(ctx, w, c); err != nil {
				return err
			}
			return outboxdb.Append(ctx, w, EventPrefix, c.Events)
		})
	})
	if err != nil {
		return returns.Return{}, refusal(err)
	}
	return c.After.Clone(), nil
}

// seedUnits makes the unit rows of an order that are missing, in order of the
// line id: two first requests of one order wait, and do not deadlock.
func seedUnits(ctx context.Context, tx bun.IDB, o purchase.Purchase) error {
	if len(o.Lines) == 0 {
		return nil
	}
	seeds := make([]unitRow, len(o.Lines))
	for i, l := range o.Lines {
		seeds[i] = unitRow{OrderLineID: l.ID, OrderID: o.OrderID, Bought: int64(l.Quantity)}
	}
	slices.SortFunc(seeds, func(a, b unitRow) int { return strings.Compare(a.OrderLineID, b.OrderLineID) })
	_, err := tx.NewInsert().Model(&seeds).On("CONFLICT (order_id, order_line_id) DO NOTHING").
		Returning("NULL").Exec(ctx)
	return err
}

// lockUnits locks the unit rows that q selects, in order of their id.
func lockUnits(ctx context.Context, q *bun.SelectQuery) ([]unitRow, error) {
	var rows []unitRow
	err := sqldb.ForUpdate(q.Model(&rows).Order("u.order_id", "u.order_line_id")).Scan(ctx)
	return rows, err
}

func unitsOf(rows []unitRow) returns.Units {
	units := make(returns.Units, len(rows))
	for _, u := range rows {
		units[u.OrderLineID] = returns.Unit{Bought: int(u.Bought), Claimed: int(u.Claimed)}
	}
	return units
}
