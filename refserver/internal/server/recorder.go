package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/progress"
)

// recorder puts what the routes with Audit change or export into the audit.
type recorder struct{ shop *app.App }

// record implements access.RecordFunc. That something is about to be changed is
// recorded first: what can't be recorded is not done, and after a crash the
// audit still says who was changing what. What has changed, or that it was
// refused, is recorded after.
func (c recorder) record(row access.Route, refuse access.Refuse, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		requested := entryOf(row, r, "change_requested")
		if row.Audit == "export" {
			requested.Type, requested.Details["query"] = "export.made", r.URL.RawQuery
		}
		before, err := c.snapshot(ctx, row.Audit, subjectPath(row, r))
		if err == nil {
			err = c.shop.Audit.Append(ctx, nil, requested)
		}
		if err != nil {
			refuse(w, r, problem.Of(fmt.Errorf("audit of %s: %w", row.Pattern, err)))
			return
		}
		if row.Audit == "export" {
			next.ServeHTTP(w, r)
			return
		}
		named, created := audit.WithSubject(ctx)
		answer := &answered{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(answer, r.WithContext(named))
		// Also when the caller has gone away meanwhile.
		ctx = context.WithoutCancel(ctx)
		if err := c.changes(ctx, row, r, created(), answer.status, before); err != nil {
			c.shop.Log.ErrorContext(ctx, "a change is in the audit as requested only",
				"route", row.Pattern, "error", err)
		}
	})
}

// entryOf is an entry about the request, with all that its path names.
func entryOf(row access.Route, r *http.Request, what string) audit.Entry {
	e := audit.Entry{
		Type: row.Audit + "." + what, SubjectKind: row.Audit, SubjectID: subjectOf(row, r),
		Details: map[string]string{"route": row.Pattern},
	}
	for _, name := range pathNames.FindAllStringSubmatch(row.Pattern, -1) {
		e.Details["path "+name[1]] = r.PathValue(name[1])
	}
	return e
}

var pathNames = regexp.MustCompile(`\{(\w+)\}`)

// subjectOf is the id of the object that the request changes, as snapshot has
// it; empty for one that it creates.
func subjectOf(row access.Route, r *http.Request) string {
	switch row.Audit {
	case "policy":
		return "current"
	case "key":
		return r.PathValue("prefix")
	case "operation":
		return subjectPath(row, r)
	}
	return cmp.Or(r.PathValue("id"), r.PathValue("name"))
}

// subjectPath is the id of the path that snapshot reads by; empty where the request makes the
// object.
func subjectPath(row access.Route, r *http.Request) string {
	if row.Audit == "operation" && strings.Contains(row.Pattern, "/scenarios") {
		return "" // the id is of a scenario
	}
	return cmp.Or(r.PathValue("id"), r.PathValue("operation_id"))
}

// answered notes the status of an answer.
type answered struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap returns the writer for http.ResponseController.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// changes records how the request has left the object of its path, or the one
// that it created. What others change at the same time is for their own entries.
func (c recorder) changes(
	ctx context.Context, row access.Route, r *http.Request, created string, status int, before map[string]object,
) error {
	if status >= http.StatusBadRequest {
		refused := entryOf(row, r, "change_refused")
		refused.Details["status"] = strconv.Itoa(status)
		return c.shop.Audit.Append(ctx, nil, refused)
	}
	id := cmp.Or(created, subjectOf(row, r))
	if id == "" {
		return nil // an answer that was given before
	}
	at := subjectPath(row, r)
	if row.Audit == "operation" {
		at = id
	}
	after, err := c.snapshot(ctx, row.Audit, at)
	if err != nil {
		return err
	}
	now := after[id]
	was, known := before[id]
	e := entryOf(row, r, "changed")
	e.SubjectID, e.SubjectName = id, now.name
	if !known {
		e.Type = row.Audit + ".created"
	}
	changes := audit.Changes(was.fields, now.fields)
	if len(changes) == 0 {
		e.Type = row.Audit + ".saved" // and nothing that is shown has changed
	}
	maps.Copy(e.Details, changes)
	return c.shop.Audit.Append(ctx, nil, e)
}

// object is one product, flash sale, partner, key or policy with its fields as JSON.
type object struct {
	name   string
	fields map[string]string
}

// snapshot reads all objects of a kind by id; of keys, those of the partner with
// the id of the path.
func (c recorder) snapshot(ctx context.Context, kind, pathID string) (map[string]object, error) {
	all := map[string]object{}
	add := func(id, name string, v any, without ...string) error {
		fields, err := audit.Fields(v, without...)
		all[id] = object{name, fields}
		return err
	}
	switch kind {
	case "product":
		return c.products(ctx, add, all)
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
	case "partner":
		return c.partners(ctx, add, all)
	case "key":
		return c.keys(ctx, pathID, add, all)
	case "webhook":
		return c.webhooks(ctx, add, all)
	case "operation":
		return c.operations(ctx, pathID, add, all)
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

type addFunc func(id, name string, v any, without ...string) error

func (c recorder) products(ctx context.Context, add addFunc, all map[string]object) (map[string]object, error) {
	list, err := c.shop.Orders.Products(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if err := add(strconv.FormatInt(p.ID, 10), p.Name, p, audit.ProductNoise()...); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// partners adds the partners without what their fetches change.
func (c recorder) partners(ctx context.Context, add addFunc, all map[string]object) (map[string]object, error) {
	list, err := c.shop.Partners.Partners(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if err := add(p.ID, p.Name, p, "Keys", "NextAt", "LastError", "CreatedAt"); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// webhooks adds the addresses that events are sent to.
func (c recorder) webhooks(ctx context.Context, add addFunc, all map[string]object) (map[string]object, error) {
	list, err := c.shop.EventsOut.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range list {
		if err := add(w.ID, w.URL, w, "CreatedAt"); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// operations adds the operation with the id, if there is one.
func (c recorder) operations(
	ctx context.Context, id string, add addFunc, all map[string]object,
) (map[string]object, error) {
	o, err := c.shop.Progress.Operation(ctx, id)
	if errors.Is(err, progress.ErrNotFound) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	return all, add(o.ID, o.Title, map[string]any{"State": o.State, "Kind": o.Kind})
}

// keys adds the keys of a partner by what is shown of them; none of one that does
// not exist.
func (c recorder) keys(
	ctx context.Context, partnerID string, add addFunc, all map[string]object,
) (map[string]object, error) {
	p, err := c.shop.Partners.Partner(ctx, partnerID)
	if errors.Is(err, partner.ErrNotFound) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	for _, k := range p.Keys {
		if err := add(k.Prefix, p.Name, k, "LastUsedAt"); err != nil {
			return nil, err
		}
	}
	return all, nil
}
