package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/e2e/contract"
)

// The ids of the document's examples, which stand for those of a fixture.
const (
	exampleOrder    = "01978e2a-5c1f-7c3e-8f11-2d1f6f0c9a01"
	exampleLine     = "01978e2a-5c1f-7c3e-8f11-2d1f6f0c9a02"
	exampleCustomer = "01978e2a-5c1f-7c3e-8f11-2d1f6f0c9a03"
)

// subject is what a call is about: where the path leads, and the ids that stand for those of the
// document's example.
type subject struct {
	path                  []string // names of placeholders and their values
	order, line, customer string
}

// request is one request of the contract test.
type request struct {
	name   string
	as     string // a role, "nobody", or empty: the first that may
	about  func(s *contractShop) subject
	query  string
	media  string // empty: the first of the document
	body   string // empty: the document's example
	header func(s *contractShop) []string
	status int
	before func(s *contractShop)
}

// contractShop is a shop with somebody of each role, and what the document says of it.
type contractShop struct {
	*bench
	doc     *contract.Document
	people  map[string]browser
	ids     map[string]string // of accounts, by role
	answers map[string]bool   // what was answered, as OPERATION STATUS
	key     string            // of a partner whose feed has been taken in
	count   int
}

func newContractShop(t *testing.T) *contractShop {
	scenarios := app.WithScenarios(fakeScenarios, fakeLoads, fakeRun{}.run) // none begins: the workers stand still
	b := openWith(t, []app.Option{scenarios}, "STRIPE_WEBHOOK_SECRET="+secret, "APPROVAL_AMOUNT=1000",
		"PAYMENT_PROVIDER_TIMEOUT=4s", "THROTTLING_MAX_RPS=100000", "BREAKER_FAILURE_THRESHOLD=1000",
		"BREAKER_OPEN_SECONDS=1")
	s := &contractShop{
		bench: b, doc: loadDocument(t), people: map[string]browser{"nobody": b.visitor()}, ids: map[string]string{},
		answers: map[string]bool{},
	}
	for _, role := range auth.Roles() {
		who := b.customer("the_" + string(role))
		if _, err := b.Auth.SetRole(t.Context(), auth.User{ID: "test"}, who.ID, role); err != nil {
			t.Fatal(err)
		}
		s.people[string(role)], s.ids[string(role)] = b.signInAs("the_"+string(role), "correct horse"), who.ID
	}
	return s
}

// permission is the row of the table for an operation.
func permission(op contract.Operation) access.Route {
	rows := access.Routes()
	i := slices.IndexFunc(rows, func(r access.Route) bool { return r.Pattern == op.Pattern() })
	if i < 0 {
		return access.Route{}
	}
	return rows[i]
}

// caller is who calls an operation: a customer if one may, else an admin if one may.
func caller(op contract.Operation) string {
	if as := callers[op.OperationID]; as != "" {
		return as
	}
	row := permission(op)
	for _, role := range []auth.Role{auth.Customer, auth.Admin, auth.Finance} {
		if row.Needs != access.Open && access.Has(role, row.Needs) {
			return string(role)
		}
	}
	return "nobody"
}

// stranger is a role that may not call an operation; empty if all may.
func stranger(op contract.Operation) string {
	for _, role := range []auth.Role{auth.Customer, auth.Auditor} {
		if !access.Has(role, permission(op).Needs) {
			return string(role)
		}
	}
	return ""
}

// medias are the types of body that an operation takes.
func medias(op contract.Operation) []string {
	if op.RequestBody == nil {
		return []string{""}
	}
	return slices.Sorted(maps.Keys(op.RequestBody.Value.Content))
}

// example is the document's example of a body, written out.
func (s *contractShop) example(op contract.Operation, media string) (kind, body string) {
	s.t.Helper()
	if op.RequestBody == nil {
		return "", ""
	}
	example := op.RequestBody.Value.Content[media].Example
	if example == nil {
		s.t.Errorf("%s has no example in %s", op.OperationID, media)
	}
	fields, _ := example.(map[string]any)
	switch text, isText := example.(string); {
	case isText:
		return media, text
	case media == "application/x-www-form-urlencoded":
		form := url.Values{}
		for name, value := range fields {
			form.Set(name, fmt.Sprint(value))
		}
		return media, form.Encode()
	case media == "multipart/form-data":
		var parts strings.Builder
		for name, value := range fields {
			fmt.Fprintf(&parts, "--x\r\nContent-Disposition: form-data; name=%q\r\n\r\n%v\r\n", name, value)
		}
		return media + "; boundary=x", parts.String() + "--x--\r\n"
	}
	data, err := json.Marshal(example)
	if err != nil {
		s.t.Fatal(err)
	}
	return media, string(data)
}

var placeholders = regexp.MustCompile(`\{[a-z_]+\}`)

// send sends a request and checks its answer against the document.
func (s *contractShop) send(t *testing.T, op contract.Operation, r request) {
	t.Helper()
	if r.before != nil {
		r.before(s)
	}
	about := subject{order: "none", line: "none", customer: "none"}
	if r.about != nil {
		about = r.about(s)
	}
	path := op.Path
	for i := 0; i+1 < len(about.path); i += 2 {
		path = strings.ReplaceAll(path, "{"+about.path[i]+"}", about.path[i+1])
	}
	path = placeholders.ReplaceAllString(path, "none")
	ids := strings.NewReplacer(exampleOrder, about.order, exampleLine, about.line, exampleCustomer, about.customer)
	if r.query != "" {
		path += "?" + ids.Replace(r.query)
	}
	kind, body := r.media, r.body
	if body == "" {
		if r.media == "" {
			r.media = medias(op)[0]
		}
		if op.RequestBody != nil && op.RequestBody.Value.Content[r.media] != nil {
			kind, body = s.example(op, r.media)
		}
	} else if kind == "" {
		kind = medias(op)[0]
	}
	if r.as == "" {
		r.as = caller(op)
	}
	var header []string
	if r.header != nil {
		header = r.header(s)
	}
	a := s.people[r.as].send(op.Method, path, kind, ids.Replace(body), header...)
	s.answers[fmt.Sprintf("%s %d", op.OperationID, a.status)] = true
	if a.status != r.status {
		t.Errorf("%s %s as %s: %d, want %d: %s", op.Method, path, r.as, a.status, r.status, shorten(a.body))
		return
	}
	if err := s.doc.Check(op, contract.Response{Status: a.status, Header: a.header, Body: []byte(a.body)}); err != nil {
		t.Errorf("%s as %s: %v\nin %s", path, r.as, err, shorten(a.body))
	}
}

// derived are the requests that follow from the document: the example, which succeeds, and what
// is refused in the same way everywhere.
func derived(op contract.Operation) []request {
	has := func(status int) bool { return op.Responses.Status(status) != nil }
	about := subjects[op.OperationID]
	same := once(about) // of what is refused, and changes nothing
	var out []request
	media := medias(op)
	if success := successOf(op); success != 0 {
		for _, m := range media {
			out = append(out, request{name: "example " + m, about: about, media: m, status: success,
				query: queries[op.OperationID], header: headers[op.OperationID]})
		}
	}
	add := func(r request) {
		if has(r.status) {
			r.name = fmt.Sprint(r.status)
			r.query = queries[op.OperationID]
			out = append(out, r)
		}
	}
	if strings.HasPrefix(op.Path, "/api/") || permission(op).Script {
		add(request{as: "nobody", status: http.StatusUnauthorized})
	} else if permission(op).Needs != access.Open {
		add(request{as: "nobody", status: http.StatusFound})
	}
	if as := stranger(op); as != "" {
		add(request{as: as, status: http.StatusForbidden})
	}
	if strings.Contains(op.Path, "{") && !partners(op) {
		add(request{status: http.StatusNotFound})
	}
	if media[0] == "application/json" && !partners(op) {
		add(request{about: same, body: `{"there_is_no_such_field":1}`, status: http.StatusBadRequest})
		if !photos(op) {
			body := `{"a":"` + strings.Repeat("x", 1<<20) + `"}`
			add(request{about: same, body: body, status: http.StatusRequestEntityTooLarge})
		}
		add(request{about: same, media: "text/plain", body: "x", status: http.StatusUnsupportedMediaType})
	}
	if len(op.Parameters) > 0 && op.Method == http.MethodGet && has(http.StatusBadRequest) {
		for _, p := range op.Parameters {
			if p.Value.Name == "page" {
				out = append(out, request{name: "400", query: "page=0", status: http.StatusBadRequest})
			}
		}
	}
	return out
}

// once makes a subject for several requests.
func once(about func(s *contractShop) subject) func(s *contractShop) subject {
	if about == nil {
		return nil
	}
	var made *subject
	return func(s *contractShop) subject {
		s.t.Helper()
		if made == nil {
			one := about(s)
			made = &one
		}
		return *made
	}
}

// photos reports whether an operation takes photos, in a body whose limit is larger.
func photos(op contract.Operation) bool {
	return slices.Contains([]string{"requestReturn", "fileReturn", "provideInfo"}, op.OperationID)
}

// partners reports whether the caller shows a partner's key, and not a session.
func partners(op contract.Operation) bool {
	return slices.Contains([]string{"ingestFeed", "externalOrder"}, op.OperationID)
}

// successOf is the status of an example: 302 of a form that leads to another page, 200, or 202 of
// what is only begun.
func successOf(op contract.Operation) int {
	found := op.Responses.Status(http.StatusFound)
	if op.Method == http.MethodPost && found != nil && found.Ref != "#/components/responses/SignIn" {
		return http.StatusFound
	}
	for _, status := range []int{http.StatusOK, http.StatusAccepted} {
		if op.Responses.Status(status) != nil {
			return status
		}
	}
	return 0
}

// TestEveryOperationAnswersAsTheDocumentSays calls every operation of the OpenAPI document, with
// its examples and with what is refused, and compares the answers. Each answer that the document
// has must have been seen.
func TestEveryOperationAnswersAsTheDocumentSays(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/server")
	t.Parallel()
	s := newContractShop(t)
	for _, op := range s.doc.Operations() {
		t.Run(op.OperationID, func(t *testing.T) {
			for _, r := range append(derived(op), requests[op.OperationID]...) {
				t.Run(r.name, func(t *testing.T) {
					defer func(of *testing.T) { s.t = of }(s.t)
					s.t = t
					s.send(t, op, r)
				})
			}
			for status := range op.Responses.Map() {
				key := op.OperationID + " " + status
				if _, elsewhere := unseen[key]; s.answers[key] == elsewhere {
					t.Errorf("%s was seen: %t, listed as tested elsewhere: %t", key, s.answers[key], elsewhere)
				}
			}
		})
	}
	for _, id := range slices.Concat(slices.Collect(maps.Keys(requests)), slices.Collect(maps.Keys(subjects))) {
		if _, ok := s.doc.Operation(id); !ok {
			t.Errorf("there is no operation %s", id)
		}
	}
}
