package paysim

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
)

// wholePlan is a plan with every field, as the simulator writes it.
const wholePlan = `{"down":false,"latency_ms":3,` +
	`"charge":{"timeout_before":0.1,"timeout_after":0,"drop_after":0.2,"error_5xx":0,"error_5xx_after":0,` +
	`"stored_5xx":0,"conflict_409":0,"error_4xx":0,"lookup_5xx":0.75},` +
	`"refund":{"timeout_before":0,"timeout_after":0,"drop_after":0,"error_5xx":0.25,"error_5xx_after":0,` +
	`"stored_5xx":0,"conflict_409":0,"error_4xx":1,"lookup_5xx":0},"key_age_s":60,"refund_fails_later":0.5}`

// wrongPlans are plans that are refused, with the field that is to be named.
var wrongPlans = []struct{ body, field string }{
	{`{"charge":{"drop_after":1.5}}`, "charge.drop_after"},
	{`{"refund":{"drop_after":-0.1}}`, "refund.drop_after"},
	{`{"refund":{"lookup_5xx":1.1}}`, "refund.lookup_5xx"},
	{`{"refund":{"drop_after":"1"}}`, "refund.drop_after"},
	{`{"refund":{"drop_after":null}}`, "refund.drop_after"},
	{`{"refund":{"drop_after":1e999}}`, "refund.drop_after"},
	{`{"refund":{"dropafter":1}}`, "refund.dropafter"},
	{`{"refund":[]}`, "refund"},
	{`{"charge":null}`, "charge"},
	{`{"down":"yes"}`, "down"},
	{`{"down":1}`, "down"},
	{`{"latency_ms":-1}`, "latency_ms"},
	{`{"latency_ms":600001}`, "latency_ms"},
	{`{"key_age_s":-1}`, "key_age_s"},
	{`{"refund_fails_later":2}`, "refund_fails_later"},
	{`{"charge.drop_after":1}`, "charge.drop_after"},
	{`{"drop_after":1}`, "drop_after"},
	{`{"Down":true}`, "Down"},
	{`[]`, "the plan"},
	{`null`, "the plan"},
	{``, "the plan"},
	{`{} {}`, "the plan"},
}

func TestTheControlsReplaceThePlanAndNameWhatIsWrong(t *testing.T) {
	b := start(t, Config{Seed: 1})
	status, body, _ := b.send("PUT", "/_sim/faults", wholePlan, nil)
	if status != 200 || strings.TrimSpace(body) != wholePlan {
		t.Errorf("%d %s", status, body)
	}
	if f := b.sim.Faults(); f.Charge.DropAfter != 0.2 || f.Refund.Error4xx != 1 || f.KeyAgeS != 60 ||
		f.RefundFailsLater != 0.5 || f.Charge.Lookup5xx != 0.75 {
		t.Errorf("plan is %+v", f)
	}
	for _, method := range []string{"PUT", "PATCH"} {
		for _, tc := range wrongPlans {
			t.Run(method+" "+tc.body, func(t *testing.T) {
				status, body, _ := b.send(method, "/_sim/faults", tc.body, nil)
				if status != 400 || !contains(body, fmt.Sprintf(`"param":%q`, tc.field)) || !contains(body, "allowed") {
					t.Errorf("%d %s, want 400 naming %s", status, body, tc.field)
				}
				if _, body, _ := b.send("GET", "/_sim/faults", "", nil); strings.TrimSpace(body) != wholePlan {
					t.Errorf("a refused plan changed the plan to %s", body)
				}
			})
		}
	}
	status, _, _ = b.send("PUT", "/_sim/faults", `{"latency_ms":1}`, nil)
	if status != 200 || b.sim.Faults() != (Faults{LatencyMS: 1}) {
		t.Errorf("what is missing must be 0: %+v", b.sim.Faults())
	}
	if err := b.sim.SetFaults(Faults{KeyAgeS: math.NaN()}); err == nil {
		t.Error("NaN was taken")
	}
	for _, tc := range []struct{ method, path, allow string }{
		{"POST", "/_sim/faults", "GET"}, {"PUT", "/_sim/ledger", "GET"}, {"GET", "/_sim/refunds", "POST"},
		{"GET", "/_sim/refunds/re_1", "POST"}, {"GET", "/_sim/disputes", "POST"},
		{"PUT", "/_sim/disputes/dp_1", "POST"},
	} {
		if status, _, h := b.send(tc.method, tc.path, "{}", nil); status != 405 || h.Get("Allow") != tc.allow {
			t.Errorf("%s %s: %d, Allow %q", tc.method, tc.path, status, h.Get("Allow"))
		}
	}
}

func TestAPatchChangesOnlyWhatItNames(t *testing.T) {
	before := Faults{LatencyMS: 2, Charge: CallFaults{DropAfter: 0.5, Error5xx: 0.1}, Refund: CallFaults{Error4xx: 1}}
	for _, tc := range []struct {
		name, patch string
		change      func(*Faults)
	}{
		{"nothing", `{}`, func(*Faults) {}},
		{"one probability", `{"refund":{"error_5xx":0.25}}`, func(f *Faults) { f.Refund.Error5xx = 0.25 }},
		{"both parts", `{"charge":{"error_5xx":1,"lookup_5xx":1},"refund":{"error_4xx":0}}`, func(f *Faults) {
			f.Charge.Error5xx, f.Charge.Lookup5xx, f.Refund.Error4xx = 1, 1, 0
		}},
		{"the whole", `{"down":true,"latency_ms":0}`, func(f *Faults) { f.Down, f.LatencyMS = true, 0 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := start(t, Config{Seed: 1, Faults: before})
			want := before
			tc.change(&want)
			status, body, _ := b.send("PATCH", "/_sim/faults", tc.patch, nil)
			if status != 200 || b.sim.Faults() != want {
				t.Errorf("%d %s, want %+v", status, body, want)
			}
		})
	}
}

func TestTwoPatchesAtOnceBothCount(t *testing.T) {
	sim, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	for round := range 200 {
		p := float64(round+1) / 1000
		var both sync.WaitGroup
		for _, part := range []string{"charge", "refund"} {
			both.Go(func() {
				if err := sim.MergeFaults(fmt.Appendf(nil, `{%q:{"error_5xx":%g}}`, part, p)); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if f := sim.Faults(); f.Charge.Error5xx != p || f.Refund.Error5xx != p {
			t.Fatalf("round %d: %+v", round, f)
		}
	}
}
