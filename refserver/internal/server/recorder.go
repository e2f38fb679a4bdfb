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

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/mailing"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/progress"
	"github.com/returnkit/returnkit/refserver/internal/webhook"
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
		before, err := c.read(ctx, row.Audit, r.PathValue("id"), subjectOf(row, r))
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
		// Also when the caller has gone away in the meantime.
		ctx = context.WithoutCancel(ctx)
		if err := c.changes(ctx, row, r, created(), answer.status, before); err != nil {
			c.shop.Log.ErrorContext(ctx, "a change is in the audit as requested only",
				"route", row.Pattern, "error", err)
		}
	})
}

// subjects are what the audit calls what the id of a path is of.
var subjects = map[string]string{
	"users": "account", "orders": "order", "returns": "return", "refunds": "refund", "alarms": "discrepancy",
	"approvals": "approval",
}

var subjectInPath = regexp.MustCompile(`/(\w+)/\{id\}`)

// refused implements access.RefusedFunc.
func (c recorder) refused(row access.Route, r *http.Request, code string) {
	e := entryOf(row, r, "")
	e.Type, e.SubjectKind, e.Details["reason"] = "request.refused", row.Audit, code
	if of := subjectInPath.FindStringSubmatch(row.Pattern); of != nil && row.Audit == "" {
		e.SubjectKind = subjects[of[1]]
	}
	c.shop.Audit.Refused(r.Context(), e)
}

// ownOrder returns a function that returns a problem, and records it, where the order that a return is filed
// of is the user's own.
func (c recorder) ownOrder(gate *access.Gate) func(ctx context.Context, by auth.User, orderID string) error {
	return func(ctx context.Context, by auth.User, orderID string) error {
		err := gate.CheckOwner(ctx, by, access.OrderInBody, orderID)
		if p := problem.Of(err); err != nil && p.Status == http.StatusForbidden {
			c.shop.Audit.Refused(ctx, audit.Entry{
				Type: "request.refused", SubjectKind: "order", SubjectID: orderID,
				Details: map[string]string{"reason": p.Code, "action": "file a return"},
			})
		}
		return err
	}
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

// subjectOf is the id of the object that the request changes; empty for one that it makes.
func subjectOf(row access.Route, r *http.Request) string {
	switch {
	case row.Audit == "policy":
		return "current"
	case row.Audit == "key":
		return r.PathValue("prefix")
	case row.Audit == "operation" && strings.Contains(row.Pattern, "/scenarios"):
		return "" // the id is of a scenario
	}
	return cmp.Or(r.PathValue("id"), r.PathValue("name"), r.PathValue("operation_id"))
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
	ctx context.Context, row access.Route, r *http.Request, created string, status int, before object,
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
	now, err := c.read(ctx, row.Audit, r.PathValue("id"), id)
	if err != nil {
		return err
	}
	e := entryOf(row, r, "changed")
	e.SubjectID, e.SubjectName = id, cmp.Or(now.name, before.name)
	changes := audit.Changes(before.fields, now.fields)
	switch {
	case now.fields == nil && before.fields != nil:
		e.Type = row.Audit + ".deleted"
	case before.fields == nil:
		e.Type = row.Audit + ".created"
	case len(changes) == 0:
		e.Type = row.Audit + ".change_accepted" // and nothing that is shown has changed
	}
	maps.Copy(e.Details, changes)
	return c.shop.Audit.Append(ctx, nil, e)
}

// object is what a request changes, with its fields as JSON; without fields one that does not exist.
type object struct {
	name   string
	fields map[string]string
}

// read returns the object of a kind with the id. pathID is the id of the path, of the partner whose
// key it is.
func (c recorder) read(ctx context.Context, kind, pathID, id string) (object, error) {
	if id == "" {
		return object{}, nil
	}
	name, fields, err := c.fields(ctx, kind, pathID, id)
	for _, none := range []error{
		orders.ErrNotFound, partner.ErrNotFound, webhook.ErrNotFound, progress.ErrNotFound, mailing.ErrNotFound,
	} {
		if errors.Is(err, none) {
			return object{}, nil
		}
	}
	return object{name, fields}, err
}

// fields are the fields that a change of an object shows; nil if the object does not exist.
func (c recorder) fields(
	ctx context.Context, kind, pathID, id string,
) (name string, fields map[string]string, err error) {
	var of any
	var without []string // what changes by itself
	switch kind {
	case "product":
		name, of, err = c.product(ctx, id)
		without = audit.ProductNoise()
	case "flash_sale":
		of, err = c.shop.Orders.FlashSale(ctx, id)
		without = []string{"Sold", "Held", "CreatedAt", "UpdatedAt", "Version"}
	case "partner", "key":
		name, of, err = c.partner(ctx, cmp.Or(pathID, id), kind, id)
		without = []string{"Keys", "NextAt", "LastError", "CreatedAt", "LastUsedAt"}
	case "webhook":
		w, failed := c.shop.EventsOut.Endpoint(ctx, id)
		name, of, err, without = w.URL, w, failed, []string{"CreatedAt"}
	case "operation":
		o, failed := c.shop.Progress.Operation(ctx, id)
		name, of, err = o.Title, map[string]any{"State": o.State, "Kind": o.Kind}, failed
	case "discrepancy":
		d, failed := c.shop.Discrepancies.Discrepancy(ctx, id)
		name, of, err = d.Message, d, failed
	case "mail":
		name, of, err = c.mail(ctx, id)
	case "feature":
		name, of = c.feature(id)
		without = []string{"Version", "ChangedAt", "ChangedBy"}
	case "policy":
		return c.policy(ctx)
	}
	if err != nil || of == nil {
		return name, nil, err
	}
	fields, err = audit.Fields(of, without...)
	return name, fields, err
}

func (c recorder) product(ctx context.Context, id string) (string, any, error) {
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return "", nil, nil // there is none of that id
	}
	p, err := c.shop.Orders.Product(ctx, number)
	return p.Name, p, err
}

// partner returns a partner, or its key with the prefix.
func (c recorder) partner(ctx context.Context, id, kind, prefix string) (string, any, error) {
	p, err := c.shop.Partners.Partner(ctx, id)
	if err != nil || kind == "partner" {
		return p.Name, p, err
	}
	for _, k := range p.Keys {
		if k.Prefix == prefix {
			return p.Name, k, nil
		}
	}
	return p.Name, nil, nil
}

// mail is a mail without its text, and without what its sender changes in the meantime.
func (c recorder) mail(ctx context.Context, id string) (string, any, error) {
	if c.shop.Mailing == nil {
		return "", nil, nil
	}
	m, err := c.shop.Mailing.Mail(ctx, id)
	return m.Subject, map[string]any{"State": m.State, "Kind": m.Kind, "UserID": m.UserID}, err
}

func (c recorder) feature(name string) (string, any) {
	for _, s := range c.shop.Features.Switches() {
		if string(s.Name) == name {
			return name, s
		}
	}
	return name, nil
}

// policy is the one in force. One follows the other: what differs is the change.
func (c recorder) policy(ctx context.Context) (string, map[string]string, error) {
	t, err := c.shop.Returns.Terms(ctx, "")
	if err != nil {
		return "", nil, err
	}
	fields, err := audit.Fields(t.Policy)
	if err != nil {
		return "", nil, err
	}
	fields["Version"] = strconv.Itoa(t.Version)
	return fmt.Sprintf("version %d", t.Version), fields, nil
}
