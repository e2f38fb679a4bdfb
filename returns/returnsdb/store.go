package returnsdb

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/combine"
	"github.com/returnkit/returnkit/internal/outbox"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/returns"
)

// EventPrefix names the tables of this store's events and deliveries, for the
// outbox dispatcher.
const EventPrefix = "returns"

// Store is a returns.Store on PostgreSQL or SQLite. It is safe for concurrent
// use, and by many processes on one database.
type Store struct {
	db    *sqldb.DB
	terms *combine.Group[*currentTerms]
	known termsCache
}

var _ returns.Store = (*Store)(nil)

// New returns a Store on a database that was migrated.
func New(db *sqldb.DB) *Store {
	s := &Store{db: db}
	s.terms = combine.New(1000, s.readCurrentTerms)
	return s
}

func notFound(what, id string) error {
	return fmt.Errorf("returnsdb: there is no %s %q: %w", what, id, returns.ErrNotFound)
}

// storable reports whether a text can be in a column at all. PostgreSQL
// refuses others with an error; nothing has such an id.
func storable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// refusal is err as the caller of a store knows it: a refusal of package
// returns without the store's operation around it, and ALREADY_RETURNED where
// only the constraint of the unit guard saw it.
func refusal(err error) error {
	var e *returns.Error
	if errors.As(err, &e) {
		return e
	}
	if name, ok := sqldb.IsCheck(err); ok && name == "return_units_check" {
		return &returns.Error{Code: returns.Code(returns.AlreadyReturned), Field: "quantity", Message: "That many units are not left to return.", Err: err}
	}
	return err
}

// Create implements returns.Store.
func (s *Store) Create(ctx context.Context, o orders.Order, decide func(returns.Claims) (*returns.Return, error)) (returns.Return, error) {
	var saved returns.Return
	err := s.db.Tx(ctx, "returnsdb: create return", func(ctx context.Context, tx bun.Tx) error {
		if len(o.Lines) > 0 {
			seeds := make([]unitRow, len(o.Lines))
			for i, l := range o.Lines {
				seeds[i] = unitRow{OrderLineID: l.ID, OrderID: o.ID, Bought: int64(l.Quantity)}
			}
			// In order of id: two first requests of one order wait, and do not
			// deadlock.
			slices.SortFunc(seeds, func(a, b unitRow) int { return strings.Compare(a.OrderLineID, b.OrderLineID) })
			_, err := tx.NewInsert().Model(&seeds).On("CONFLICT (order_line_id) DO NOTHING").Returning("NULL").Exec(ctx)
			if err != nil {
				return err
			}
		}
		units, err := lockUnits(ctx, tx, tx.NewSelect().Where("u.order_id = ?", o.ID))
		if err != nil {
			return err
		}
		r, err := decide(claimsOf(units))
		if err != nil {
			return err
		}
		if r.OrderID != o.ID || len(r.Changes()) != r.Version || r.Version == 0 {
			return fmt.Errorf("return %s is not a new one of order %s", r.ID, o.ID)
		}
		saved, err = save(ctx, tx, nil, r, units)
		return err
	})
	if err != nil {
		return returns.Return{}, refusal(err)
	}
	return saved, nil
}

// Update implements returns.Store.
func (s *Store) Update(ctx context.Context, id string, change func(*returns.Return) error) (returns.Return, error) {
	if !storable(id) {
		return returns.Return{}, notFound("return", id)
	}
	var saved returns.Return
	err := s.db.Tx(ctx, "returnsdb: update return", func(ctx context.Context, tx bun.Tx) error {
		of := tx.NewSelect().Model((*returnRow)(nil)).Column("order_id").Where("r.id = ?", id)
		units, err := lockUnits(ctx, tx, tx.NewSelect().Where("u.order_id = (?)", of))
		if err != nil {
			return err
		}
		before, err := oneReturn(ctx, tx, sqldb.ForUpdate(tx.NewSelect().Where("r.id = ?", id)))
		if err != nil {
			return err
		}
		if before == nil {
			return notFound("return", id)
		}
		after := before.Saved()
		if err := change(&after); err != nil {
			return err
		}
		saved, err = save(ctx, tx, before, &after, units)
		return err
	})
	if err != nil {
		return returns.Return{}, refusal(err)
	}
	return saved, nil
}

// lockUnits locks the unit rows that q selects, in order of their id.
func lockUnits(ctx context.Context, tx bun.Tx, q *bun.SelectQuery) ([]unitRow, error) {
	var rows []unitRow
	err := sqldb.ForUpdate(q.Model(&rows).Order("u.order_line_id")).Scan(ctx)
	return rows, err
}

func claimsOf(units []unitRow) returns.Claims {
	claims := returns.Claims{}
	for _, u := range units {
		if u.Claimed > 0 {
			claims[u.OrderLineID] = int(u.Claimed)
		}
	}
	return claims
}

// save carries out the change from before (nil for a new return) to after.
func save(ctx context.Context, tx bun.Tx, before, after *returns.Return, units []unitRow) (returns.Return, error) {
	version := 0
	if before != nil {
		version = before.Version
	}
	if len(after.Changes()) == 0 {
		return after.Saved(), nil
	}
	if after.Version != version+len(after.Changes()) {
		return returns.Return{}, fmt.Errorf("stale save of return %s: version %d with %d events on version %d", after.ID, after.Version, len(after.Changes()), version)
	}
	if after.NeedsRMA() {
		// The same actor and instant as the authorisation it belongs to.
		last := after.Changes()[len(after.Changes())-1]
		day := last.At.UTC().Format("20060102")
		n, err := next(ctx, tx, "rma:"+day)
		if err != nil {
			return returns.Return{}, err
		}
		if err := after.AssignRMA(returns.RMANumber(day, n), returns.Stamp{At: last.At, By: last.Actor, From: last.From}); err != nil {
			return returns.Return{}, err
		}
	}
	row, lines := rowOfReturn(after), rowsOfLines(after)
	err := sqldb.Together(ctx, tx, func(w bun.IDB) error {
		if before == nil {
			for _, rows := range []any{&row, &lines} {
				if _, err := w.NewInsert().Model(rows).Returning("NULL").Exec(ctx); err != nil {
					return err
				}
			}
		} else {
			if _, err := w.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
				return err
			}
			for i := range lines {
				if reflect.DeepEqual(before.Lines[i], after.Lines[i]) {
					continue
				}
				if _, err := w.NewUpdate().Model(&lines[i]).WherePK().Exec(ctx); err != nil {
					return err
				}
			}
		}
		if err := claim(ctx, w, before, after, units); err != nil {
			return err
		}
		return outbox.Append(ctx, w, EventPrefix, after.Changes())
	})
	if err != nil {
		return returns.Return{}, err
	}
	return after.Saved(), nil
}

// claim moves the claims of the order's lines from what before held to what
// after holds.
func claim(ctx context.Context, db bun.IDB, before, after *returns.Return, units []unitRow) error {
	held := after.Held()
	was := map[string]int{}
	if before != nil {
		was = before.Held()
	}
	known := map[string]bool{}
	for _, u := range units {
		known[u.OrderLineID] = true
		delta := held[u.OrderLineID] - was[u.OrderLineID]
		if delta == 0 {
			continue
		}
		_, err := db.NewUpdate().Model((*unitRow)(nil)).Set("claimed = claimed + ?", delta).Where("order_line_id = ?", u.OrderLineID).Exec(ctx)
		if err != nil {
			return err
		}
	}
	for line := range held {
		if !known[line] {
			return fmt.Errorf("return %s claims line %s, which is not of its order", after.ID, line)
		}
	}
	return nil
}

// next is the next number of a counter, 1 for the first. The counter stays
// locked until the transaction ends, so no number is lost or given twice.
func next(ctx context.Context, tx bun.Tx, counter string) (int, error) {
	var n int
	err := tx.NewRaw("INSERT INTO returns_counters (name, n) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET n = returns_counters.n + 1 RETURNING n", counter).Scan(ctx, &n)
	return n, err
}
