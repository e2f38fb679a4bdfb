package export

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/returns"
)

// place is where a list, newest first, is continued: at an instant, without the entries of that
// instant that are written already. New entries are before it.
type place struct {
	At   time.Time `json:"at"`
	Seen []string  `json:"seen"`
}

// resume returns the place of a position, and until when the list is read.
func resume(position string, to time.Time) (at place, until time.Time, err error) {
	if position == "" {
		return place{}, to, nil
	}
	if err := json.Unmarshal([]byte(position), &at); err != nil {
		return at, to, fmt.Errorf("export: the position is damaged: %w", err)
	}
	return at, at.At.Add(time.Microsecond), nil // the end is exclusive
}

// cut leaves out of a page what was written, and returns where the next one begins; empty
// after the last page.
func cut[T any](
	list []T,
	was place,
	size int,
	key func(T) (id string, at time.Time),
) (rest []T, next string, err error) {
	full := len(list) >= size
	rest = slices.DeleteFunc(list, func(v T) bool {
		id, at := key(v)
		return at.Equal(was.At) && slices.Contains(was.Seen, id)
	})
	if !full {
		return rest, "", nil
	}
	if len(rest) == 0 {
		return nil, "", fmt.Errorf("export: more than %d rows are of %s", size, was.At)
	}
	_, last := key(rest[len(rest)-1])
	now := place{At: last}
	if last.Equal(was.At) {
		now.Seen = was.Seen
	}
	for _, v := range rest {
		if id, at := key(v); at.Equal(last) {
			now.Seen = append(now.Seen, id)
		}
	}
	text, err := json.Marshal(now)
	return rest, string(text), err
}

// stamp is an instant in a file; empty for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

type orderSource struct {
	*Service

	q orders.Query
}

func (orderSource) header() []string {
	return []string{
		"number", "id", "status", "placed_at", "delivered_at", "customer_id", "source", "currency", "total",
		"payment_method", "units", "items",
	}
}

func (s orderSource) count(ctx context.Context) (int, error) {
	q := s.q
	q.Page, q.PageSize, q.CountUpTo = 1, 1, 0
	_, total, err := s.cfg.Orders(ctx, q)
	return total, err
}

func (s orderSource) page(ctx context.Context, position string) (rows [][]string, next string, err error) {
	q := s.q
	q.Page, q.PageSize, q.CountUpTo = 1, pageRows, 1
	at, until, err := resume(position, q.To)
	if err != nil {
		return nil, "", err
	}
	q.To = until
	list, _, err := s.cfg.Orders(ctx, q)
	if err != nil {
		return nil, "", err
	}
	list, next, err = cut(list, at, pageRows, func(o orders.Order) (string, time.Time) { return o.ID, o.PlacedAt })
	for _, o := range list {
		units := 0
		var items []string
		for _, l := range o.Lines {
			units += l.Quantity
			items = append(items, fmt.Sprintf("%d x %s", l.Quantity, l.Name))
		}
		rows = append(rows, []string{
			o.Number, o.ID, string(o.Status), stamp(o.PlacedAt), stamp(o.DeliveredAt), o.CustomerID, o.Source,
			string(o.Currency), money.FormatMinor(o.Total(), o.Currency), string(o.Payment.Method), strconv.Itoa(units),
			strings.Join(items, "; "),
		})
	}
	return rows, next, err
}

type returnSource struct {
	*Service

	q returns.Query
}

func (returnSource) header() []string {
	return []string{
		"rma", "id", "status", "requested_at", "closed_at", "order_id", "customer_id", "reason", "details", "units",
		"items", "refund_id",
	}
}

func (s returnSource) count(ctx context.Context) (int, error) {
	q := s.q
	q.Page, q.PageSize, q.CountUpTo = 1, 1, 0
	_, total, err := s.cfg.Returns(ctx, q)
	return total, err
}

func (s returnSource) page(ctx context.Context, position string) (rows [][]string, next string, err error) {
	q := s.q
	q.Page, q.PageSize, q.CountUpTo = 1, pageRows, 1
	at, until, err := resume(position, q.To)
	if err != nil {
		return nil, "", err
	}
	q.To = until
	list, _, err := s.cfg.Returns(ctx, q)
	if err != nil {
		return nil, "", err
	}
	list, next, err = cut(list, at, pageRows, func(r returns.Return) (string, time.Time) { return r.ID, r.CreatedAt })
	for _, r := range list {
		units := 0
		var items []string
		for _, l := range r.Lines {
			units += l.Quantity
			items = append(items, fmt.Sprintf("%d x %s", l.Quantity, l.Name))
		}
		rows = append(rows, []string{
			r.RMA, r.ID, string(r.Status), stamp(r.CreatedAt), stamp(r.ClosedAt), r.OrderID, r.CustomerID,
			string(r.Reason), r.Details, strconv.Itoa(units), strings.Join(items, "; "), r.RefundID,
		})
	}
	return rows, next, err
}

type auditSource struct {
	*Service

	q audit.Query
}

func (auditSource) header() []string {
	return []string{
		"day", "number", "time", "type", "actor_id", "actor", "role", "subject_kind", "subject_id", "subject",
		"address", "request", "details", "previous", "hash",
	}
}

func (s auditSource) count(ctx context.Context) (int, error) { return s.cfg.Audit.Count(ctx, s.q) }

func (s auditSource) page(ctx context.Context, position string) (rows [][]string, next string, err error) {
	q := s.q
	q.After, q.Limit = position, pageRows
	page, err := s.cfg.Audit.Entries(ctx, q)
	if err != nil {
		return nil, "", err
	}
	for _, e := range page.Entries {
		details, err := json.Marshal(e.Details)
		if err != nil {
			return nil, "", err
		}
		rows = append(rows, []string{
			e.Day, strconv.FormatInt(e.Seq, 10), e.At.UTC().Format(time.RFC3339Nano), e.Type, e.ActorID, e.ActorName,
			e.ActorRole, e.SubjectKind, e.SubjectID, e.SubjectName, e.Address, e.Request, string(details), e.Previous,
			e.Hash,
		})
	}
	return rows, page.Next, nil
}
