package server

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// recorder puts what the routes with Audit change or export into the audit.
type recorder struct{ shop *app.App }

// record implements access.RecordFunc. That something is about to be changed is
// recorded first: what can't be recorded is not done, and after a crash the
// audit still says who was changing what. What has changed is recorded after.
func (c recorder) record(row access.Route, refuse access.Refuse, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		requested := audit.Entry{
			Type: row.Audit + ".change_requested", SubjectKind: row.Audit,
			SubjectID: cmp.Or(r.PathValue("id"), r.PathValue("name")),
			Details:   map[string]string{"route": row.Pattern},
		}
		if row.Audit == "export" {
			requested.Type, requested.Details["query"] = "export.made", r.URL.RawQuery
		}
		before, err := c.snapshot(ctx, row.Audit)
		if err == nil {
			err = c.shop.Audit.Append(ctx, nil, requested)
		}
		if err != nil {
			refuse(w, r, problem.Of(fmt.Errorf("audit of %s: %w", row.Pattern, err)))
			return
		}
		next.ServeHTTP(w, r)
		if row.Audit == "export" {
			return
		}
		// Also when the caller has gone away meanwhile.
		ctx = context.WithoutCancel(ctx)
		if err := c.changes(ctx, row.Audit, before); err != nil {
			c.shop.Log.ErrorContext(
				ctx,
				"a change is in the audit as requested only",
				"route",
				row.Pattern,
				"error",
				err,
			)
		}
	})
}

// changes records what is not as it was before.
func (c recorder) changes(ctx context.Context, kind string, before map[string]object) error {
	after, err := c.snapshot(ctx, kind)
	if err != nil {
		return err
	}
	for id, now := range after {
		was, known := before[id]
		details := map[string]string{}
		for field, value := range now.fields {
			if old := was.fields[field]; old != value {
				details[field] = value
				if known {
					details[field] = old + " -> " + value
				}
			}
		}
		if len(details) == 0 {
			continue
		}
		e := audit.Entry{
			Type:        kind + ".changed",
			SubjectKind: kind,
			SubjectID:   id,
			SubjectName: now.name,
			Details:     details,
		}
		if !known {
			e.Type = kind + ".created"
		}
		if err := c.shop.Audit.Append(ctx, nil, e); err != nil {
			return err
		}
	}
	return nil
}

// object is one product, flash sale or policy with its fields as JSON.
type object struct {
	name   string
	fields map[string]string
}

// snapshot reads all objects of a kind by id.
func (c recorder) snapshot(ctx context.Context, kind string) (map[string]object, error) {
	all := map[string]object{}
	add := func(id, name string, v any, without ...string) error {
		fields, err := fieldsOf(v)
		for _, field := range without {
			delete(fields, field)
		}
		all[id] = object{name, fields}
		return err
	}
	switch kind {
	case "product":
		products, err := c.shop.Orders.Products(ctx)
		if err != nil {
			return nil, err
		}
		for _, p := range products {
			// Orders change the stock at the same time; flash sales are a kind of their own.
			err := add(strconv.FormatInt(p.ID, 10), p.Name, p, "Stock", "Sales", "CreatedAt", "UpdatedAt")
			if err != nil {
				return nil, err
			}
		}
	case "flash_sale":
		sales, err := c.shop.Orders.FlashSales(ctx, true)
		if err != nil {
			return nil, err
		}
		for _, s := range sales {
			if err := add(s.ID, "", s, "Sold", "Held", "CreatedAt", "UpdatedAt", "Version"); err != nil {
				return nil, err
			}
		}
	case "feature":
		for _, s := range c.shop.Features.Switches() {
			if err := add(string(s.Name), string(s.Name), s, "Version", "ChangedAt", "ChangedBy"); err != nil {
				return nil, err
			}
		}
	case "policy":
		t, err := c.shop.Returns.CurrentTerms(ctx)
		if err != nil {
			return nil, err
		}
		// One policy follows the other: what differs is the change.
		if err := add("current", fmt.Sprintf("version %d", t.Version), t.Policy); err != nil {
			return nil, err
		}
		all["current"].fields["Version"] = strconv.Itoa(t.Version)
	}
	return all, nil
}

// fieldsOf is a struct as its fields in JSON.
func fieldsOf(v any) (map[string]string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("audit: snapshot: %w", err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("audit: snapshot: %w", err)
	}
	fields := map[string]string{}
	for field, value := range raw {
		fields[field] = string(value)
	}
	return fields, nil
}
