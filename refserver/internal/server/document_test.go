package server_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/e2e/contract"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/webhook"
)

func loadDocument(tb testing.TB) *contract.Document {
	tb.Helper()
	doc, err := contract.Load()
	if err != nil {
		tb.Fatal(err)
	}
	return doc
}

// described reports whether a route must be in the document: pages may be, and what programs call
// must.
func described(pattern string) bool {
	_, path, _ := strings.Cut(pattern, " ")
	for _, prefix := range []string{"/api/", "/health", "/metrics"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

func TestTheRoutesAndTheDocumentAgree(t *testing.T) {
	rows, operations := map[string]access.Route{}, map[string]contract.Operation{}
	for _, row := range access.Routes() {
		rows[row.Pattern] = row
	}
	for _, op := range loadDocument(t).Operations() {
		operations[op.Pattern()] = op
	}
	for _, pattern := range slices.Sorted(maps.Keys(rows)) {
		if _, ok := operations[pattern]; described(pattern) && !ok {
			t.Errorf("the OpenAPI document lacks the route %s", pattern)
		}
	}
	for pattern, op := range operations {
		row, ok := rows[pattern]
		if !ok {
			t.Errorf("the OpenAPI document has %s, which is no route", pattern)
			continue
		}
		agree(t, row, op)
	}
}

// agree checks that the document says of an operation who may call it, by the table of
// permissions.
func agree(t *testing.T, row access.Route, op contract.Operation) {
	t.Helper()
	if inherits := op.Security == nil; inherits == (row.Needs == access.Open) {
		t.Errorf("%s: it needs %s; the document wants a session: %t", row.Pattern, row.Needs, inherits)
	}
	if refuses := op.Responses.Status(403) != nil; !refuses && row.Needs != access.Open &&
		(len(access.Roles(row.Needs)) < len(auth.Roles()) || row.StepUp || row.Own != access.NoSubject) {
		t.Errorf("%s: it may be refused, and the document has no 403", row.Pattern)
	}
}

// TestTheInputsHaveTheFieldsOfTheDocument compares the schemas of inputs with the structs that
// they are read into.
func TestTheInputsHaveTheFieldsOfTheDocument(t *testing.T) {
	doc := loadDocument(t)
	for name, of := range map[string]reflect.Type{
		"AddToCartForm":       reflect.TypeFor[endpoint.AddParams](),
		"CartQuantityForm":    reflect.TypeFor[endpoint.QuantityParams](),
		"CheckoutForm":        reflect.TypeFor[endpoint.CheckoutParams](),
		"ProductInput":        reflect.TypeFor[endpoint.ProductParams](),
		"ReserveInput":        reflect.TypeFor[endpoint.ReserveParams](),
		"ReturnInput":         reflect.TypeFor[endpoint.ReturnParams](),
		"ReturnRequest":       reflect.TypeFor[endpoint.ReturnParams](),
		"StaffReturnRequest":  reflect.TypeFor[endpoint.FilingParams](),
		"ItemInput":           reflect.TypeFor[endpoint.ItemParams](),
		"OverrideInput":       reflect.TypeFor[endpoint.OverrideParams](),
		"InfoInput":           reflect.TypeFor[endpoint.InfoParams](),
		"DecisionInput":       reflect.TypeFor[endpoint.DecisionParams](),
		"NoteInput":           reflect.TypeFor[endpoint.NoteParams](),
		"ShipmentInput":       reflect.TypeFor[endpoint.ShipmentParams](),
		"ReceiptInput":        reflect.TypeFor[endpoint.ReceiptParams](),
		"ReceiptLineInput":    reflect.TypeFor[endpoint.ReceiptLine](),
		"InspectionInput":     reflect.TypeFor[endpoint.InspectionParams](),
		"InspectionLineInput": reflect.TypeFor[endpoint.InspectionLine](),
		"RefundInput":         reflect.TypeFor[endpoint.RefundParams](),
		"MoneyDecision":       reflect.TypeFor[endpoint.DecisionOnMoney](),
		"PartnerInput":        reflect.TypeFor[endpoint.PartnerParams](),
		"FeatureInput":        reflect.TypeFor[endpoint.FeatureParams](),
		"NewWebhookInput":     reflect.TypeFor[endpoint.NewWebhookParams](),
		"WebhookInput":        reflect.TypeFor[endpoint.WebhookParams](),
		"ReplayInput":         reflect.TypeFor[endpoint.ReplayParams](),
		"ScenarioInput":       reflect.TypeFor[endpoint.ScenarioOptions](),
	} {
		schema := doc.Components.Schemas[name]
		if schema == nil {
			t.Errorf("there is no schema %s", name)
			continue
		}
		want, got := jsonFields(of), slices.Sorted(maps.Keys(schema.Value.Properties))
		// Photos are read apart.
		got = slices.DeleteFunc(got, func(f string) bool { return f == "photos" && !slices.Contains(want, f) })
		if !slices.Equal(got, want) {
			t.Errorf("%s has the fields %v, %s reads %v", name, got, of, want)
		}
	}
}

// TestTheDocumentHasTheTypesOfEvents compares what a webhook may get with what is sent out.
func TestTheDocumentHasTheTypesOfEvents(t *testing.T) {
	var got, want []string
	for _, name := range loadDocument(t).Components.Schemas["EventType"].Value.Enum {
		got = append(got, fmt.Sprint(name))
	}
	for _, one := range webhook.Types() {
		want = append(want, one.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the document has the events %v, sent are %v", got, want)
	}
}

// jsonFields are the names of the fields of a struct in JSON, with those of embedded structs.
func jsonFields(of reflect.Type) []string {
	var out []string
	for _, f := range reflect.VisibleFields(of) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
