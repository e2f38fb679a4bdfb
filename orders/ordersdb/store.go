package ordersdb

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/batch"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

//go:embed migrations/postgres/*.sql migrations/sqlite/*.sql
var migrations embed.FS

// Migrations returns the migrations of this store, for sqlstore.Migrate.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("orders", migrations) }

// Store is an orders.Store on PostgreSQL or SQLite. It is safe for
// concurrent use, and by many processes on one database.
type Store struct {
	db       *sqlstore.DB
	intake   *batch.Batcher[*placeCall]
	carts    *batch.Batcher[*cartCall]
	restocks *batch.Batcher[*restockCall]
	updates  *batch.Batcher[*updateCall]
	byID     *batch.Loader[string, orders.Order]
	credit   CreditLedger // nil: orders are not paid by store credit
	options  []Option
	followed []string // types of events; nil: all
}

// Option changes what New makes.
type Option func(*Store)

// Follow says that subscribers and watchers of the orders' events want these types alone.
// Events of other types are kept without waiting for a dispatcher, which saves it a write for
// each; see outboxdb.AppendFollowed. Without Follow all wait for a first subscriber.
func Follow(types ...string) Option {
	return func(s *Store) { s.followed = append([]string{}, types...) }
}

// CreditLedger returns the ledger of store credit in a transaction on the database
// of the Store.
type CreditLedger func(tx bun.IConn) orders.CreditLedger

// WithCredit has orders paid by store credit, whose ledger stands on the same
// database:
//
//	credit := refundsdb.New(db)
//	store := ordersdb.New(db, ordersdb.WithCredit(func(tx bun.IConn) orders.CreditLedger {
//		return credit.WithTx(tx)
//	}))
func WithCredit(ledger CreditLedger) Option { return func(s *Store) { s.credit = ledger } }

var _ orders.Store = (*Store)(nil)

// New returns a Store on a database that was migrated.
func New(db *sqlstore.DB, options ...Option) *Store {
	s := &Store{db: db, options: options}
	for _, o := range options {
		o(s)
	}
	s.intake = sqldb.NewBatcher(db.Slots(), maxCombined, s.placeAll)
	s.carts = sqldb.NewBatcher(db.Slots(), maxCombined, s.changeCarts)
	s.restocks = sqldb.NewBatcher(db.Slots(), maxCombined, s.restockAll)
	s.updates = sqldb.NewBatcher(db.Slots(), maxCombined, s.updateAll)
	s.byID = batch.NewLoader(db.Slots(), maxCombined, s.ordersByID, orders.Order.Clone)
	return s
}

// append writes events in the transaction of their change.
func (s *Store) append(ctx context.Context, tx bun.IDB, events []event.Event) error {
	return outboxdb.AppendFollowed(ctx, tx, eventPrefix, events, s.followed)
}

func notFound(what string, id any) error {
	return &orders.Error{Code: orders.CodeNotFound, Field: what, Message: fmt.Sprintf("there is no %s %v", what, id)}
}

// storable reports whether a text can be in a column at all.
var storable = sqldb.Storable

// noText refuses to keep what is not storable.
func noText(field string) error {
	return &orders.Error{Code: orders.CodeInvalid, Field: field, Message: "it holds bytes that are no text"}
}

// lockProducts locks products for a change of their stock. It is weaker than
// FOR UPDATE: rows that refer to a product can be inserted meanwhile.
func lockProducts(q *bun.SelectQuery, dialect sqlstore.Dialect) *bun.SelectQuery {
	if dialect == sqlstore.Postgres {
		return q.For("NO KEY UPDATE OF p")
	}
	return q
}

// refusal is err as the caller of a store knows it: a refusal of package
// orders without the store's operation around it.
func refusal(err error) error {
	var e *orders.Error
	if errors.As(err, &e) {
		return e
	}
	return err
}

var errNoRows = errors.New("ordersdb: a row that was locked is gone")

// addStock adds deltas to the stock of products that are locked, in one
// statement.
func addStock(ctx context.Context, db bun.IDB, deltas map[int64]int, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	var delta strings.Builder
	args := make([]any, 0, 2*len(ids))
	delta.WriteString("stock = stock + CASE id")
	for _, id := range ids {
		delta.WriteString(" WHEN ? THEN ?")
		args = append(args, id, deltas[id])
	}
	delta.WriteString(" END")
	_, err := db.NewUpdate().TableExpr("?(rk)products").
		Set(delta.String(), args...).
		Where("id IN (?)", bun.List(ids)).Exec(ctx)
	return err
}
