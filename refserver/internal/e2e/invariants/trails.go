package invariants

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnsdb"
)

// The state machines, written out a second time: an audit that asked the
// packages it judges would believe them.
var (
	orderSteps = map[string][]string{
		"submitted": {"completed", "queued", "cancelled"},
		"queued":    {"completed", "cancelled"},
	}
	refundSteps = map[string][]string{
		"created":         {"submitted"},
		"submitted":       {"succeeded", "failed", "pending", "requires_action", "unknown"},
		"pending":         {"succeeded", "failed", "requires_action"},
		"requires_action": {"succeeded", "failed", "pending"},
		"unknown":         {"succeeded", "failed", "pending", "requires_action"},
		"failed":          {"submitted"}, // a new attempt
		"succeeded":       {"reversed"},
	}
	returnSteps = map[string][]string{
		"pending_customer_info": {"pending_authorization", "cancelled"},
		"pending_authorization": {"pending_customer_info", "authorized", "rejected", "cancelled"},
		"authorized":            {"in_transit", "received", "rejected", "cancelled"},
		"in_transit":            {"received"},
		"received":              {"under_inspection"},
		"under_inspection":      {"approved", "rejected"},
		"approved":              {"refunded"},
	}
)

// trails checks I5 and I11: the events of every aggregate fold to the row that
// is stored, through transitions that are allowed.
func (a *audit) trails(ctx context.Context) error {
	orderStore, refundStore, returnStore := ordersdb.New(a.db), refundsdb.New(a.db), returnsdb.New(a.db)
	if err := walk(ctx, a, "orders", orderSteps, orderStore.Events, orders.Fold, orderStore.Order, func(
		o orders.Order,
	) (string, orders.Order) {
		// The next try and the lease are not facts of the order.
		o.Payment.Work = payment.Work{}
		return string(o.Status), o
	}); err != nil {
		return err
	}
	if err := walk(ctx, a, "refunds", refundSteps, refundStore.Events, refunds.Fold, refundStore.Refund, func(
		r refunds.Refund,
	) (string, refunds.Refund) {
		r.Work = payment.Work{}
		return string(r.Status), r
	}); err != nil {
		return err
	}
	return walk(
		ctx,
		a,
		"returns",
		returnSteps,
		returnStore.Events,
		returns.Fold,
		returnStore.Return,
		func(r returns.Return) (string, returns.Return) {
			return string(r.Status), r
		},
	)
}

// walk folds the events of every row of a table, one more at a time. facts are
// the status of an aggregate, and what of it its events have to tell.
func walk[A any](
	ctx context.Context, a *audit, table string, steps map[string][]string,
	events func(context.Context, string) ([]event.Event, error), fold func([]event.Event) (A, error),
	stored func(context.Context, string) (A, error), facts func(A) (string, A),
) error {
	var ids []string
	if err := a.db.Reader().NewSelect().TableExpr("?", sqldb.Table(table)).Column("id").Scan(ctx, &ids); err != nil {
		return fmt.Errorf("%s: %w", table, err)
	}
	for _, id := range ids {
		list, err := events(ctx, id)
		if err != nil {
			return fmt.Errorf("%s %s: %w", table, id, err)
		}
		row, err := stored(ctx, id)
		if err != nil {
			return fmt.Errorf("%s %s: %w", table, id, err)
		}
		status, want := facts(row)
		var last string
		var told A
		for n := range list {
			folded, err := fold(list[:n+1])
			if err != nil {
				return fmt.Errorf("%s %s: %w", table, id, err)
			}
			var now string
			if now, told = facts(folded); n > 0 && now != last && !slices.Contains(steps[last], now) {
				a.report("I5: %s %s went from %s to %s", table, id, last, now)
			}
			last = now
		}
		if differ := differences(told, want); len(differ) > 0 {
			a.report("I11: %s %s is %s, and its events say %s; they differ in %v", table, id, status, last, differ)
		}
	}
	return nil
}

// differences names the fields in which two values differ; nothing and empty
// are the same, as in a database.
func differences(x, y any) []string {
	var names []string
	vx, vy := reflect.ValueOf(x), reflect.ValueOf(y)
	for i := range vx.NumField() {
		f := vx.Type().Field(i)
		if f.IsExported() && !reflect.DeepEqual(plain(vx.Field(i).Interface()), plain(vy.Field(i).Interface())) {
			names = append(names, f.Name)
		}
	}
	return names
}

// plain is a value as JSON without what is empty.
func plain(v any) any {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	var out any
	if err := json.Unmarshal(data, &out); err != nil {
		return err.Error()
	}
	return prune(out)
}

func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if v[k] = prune(e); v[k] == nil {
				delete(v, k)
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
		if len(v) == 0 {
			return nil
		}
	}
	return v
}
