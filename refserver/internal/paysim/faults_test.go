package paysim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85"
)

// The plan names the code of a definite no.
func TestThePlanNamesTheCodeOfADefiniteNo(t *testing.T) {
	b := start(t, Config{})
	i := b.paid("k", 1000, "pm_card_visa")
	plan, err := ParseFaults([]byte(`{"charge":{"error_4xx":1},"charge_code":"fraudulent",
		"refund":{"error_4xx":1},"refund_code":"charge_already_refunded"}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.sim.SetFaults(plan); err != nil {
		t.Fatal(err)
	}
	_, err = b.create(within(10*time.Second), "no", 1000, "pm_card_visa", true)
	var no *stripe.Error
	if !errors.As(err, &no) || no.DeclineCode != "fraudulent" || no.Code != stripe.ErrorCodeCardDeclined {
		t.Errorf("charge: %v", err)
	}
	_, err = b.refund(within(10*time.Second), "re", i.ID, 300)
	b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeChargeAlreadyRefunded)
	for _, bad := range []string{`{"charge_code":"Fraud!"}`, `{"refund_code":null}`, `{"refund_code":7}`} {
		if _, err := ParseFaults([]byte(bad)); err == nil {
			t.Errorf("%s is a plan", bad)
		}
	}
}

// Every fault, on a charge and on a refund: what the caller sees, what truly
// happened, and what the same key gives once the provider works again.
func TestEachFaultDoesWhatItSays(t *testing.T) {
	type outcome int
	const (
		noAnswer outcome = iota
		error500
		conflict
		refused
	)
	for _, tc := range []struct {
		name   string
		set    func(*CallFaults)
		sees   outcome
		effect bool // money moved in the faulty call
		resend outcome
		works  bool // the resent call succeeds
		replay bool // by the stored answer
	}{
		{"timeout_before", func(c *CallFaults) { c.TimeoutBefore = 1 }, noAnswer, false, 0, true, false},
		{"timeout_after", func(c *CallFaults) { c.TimeoutAfter = 1 }, noAnswer, true, 0, true, true},
		{"drop_after", func(c *CallFaults) { c.DropAfter = 1 }, noAnswer, true, 0, true, true},
		{"error_5xx", func(c *CallFaults) { c.Error5xx = 1 }, error500, false, 0, true, false},
		{"error_5xx_after", func(c *CallFaults) { c.Error5xxAfter = 1 }, error500, true, 0, true, true},
		{"conflict_409", func(c *CallFaults) { c.Conflict409 = 1 }, conflict, false, 0, true, false},
		{"error_4xx", func(c *CallFaults) { c.Error4xx = 1 }, refused, false, refused, false, true},
	} {
		for _, kind := range []string{"charge", "refund"} {
			t.Run(kind+"/"+tc.name, func(t *testing.T) {
				b := start(t, Config{Seed: 1, HoldFor: time.Minute})
				i := b.paid("k", 1000, "pm_card_visa")
				var plan Faults
				call := func() (bool, error) {
					c := within(10 * time.Second)
					if tc.sees == noAnswer && plan != (Faults{}) && strings.HasPrefix(tc.name, "timeout") {
						c = within(50 * time.Millisecond)
					}
					if kind == "charge" {
						i, err := b.create(c, "faulty", 1000, "pm_card_visa", true)
						return err == nil && replayed(i.LastResponse.Header), err
					}
					r, err := b.refund(c, "faulty", i.ID, 300)
					return err == nil && replayed(r.LastResponse.Header), err
				}
				check := func(err error, want outcome) {
					t.Helper()
					switch {
					case want == noAnswer:
						b.wantNoAnswer(err)
					case want == error500:
						b.wantError(err, 500, stripe.ErrorTypeAPI, "")
					case want == conflict:
						b.wantError(err, 409, stripe.ErrorTypeIdempotency, "idempotency_key_in_use")
					case kind == "charge":
						b.wantError(err, 402, stripe.ErrorTypeCard, stripe.ErrorCodeCardDeclined)
					default:
						b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeChargeNotRefundable)
					}
				}
				money := func(moved int) {
					t.Helper()
					if kind == "charge" {
						b.wantMoney(1+moved, 0)
					} else {
						b.wantMoney(1, moved)
					}
				}
				tc.set(&plan.Charge)
				if kind == "refund" {
					plan = Faults{Refund: plan.Charge}
				}
				b.faults(plan)
				_, err := call()
				check(err, tc.sees)
				moved := 0
				if tc.effect {
					moved = 1
				}
				money(moved)

				plan = Faults{}
				b.faults(plan)
				again, err := call()
				if tc.works {
					if err != nil {
						t.Fatalf("resent: %v", err)
					}
					moved = 1
				} else {
					check(err, tc.resend)
					again = replayed(err.(*stripe.Error).LastResponse.Header)
				}
				if again != tc.replay {
					t.Errorf("resent: replayed is %v, want %v", again, tc.replay)
				}
				money(moved)
			})
		}
	}
}

func TestAStored500ComesBackForEverWithAndWithoutAnEffect(t *testing.T) {
	b := start(t, Config{Seed: 3, Faults: Faults{Refund: CallFaults{Stored5xx: 1}}})
	i := b.paid("k", 1000, "pm_card_visa")
	for n := range 40 {
		_, err := b.refund(ctx, fmt.Sprint("r", n), i.ID, 1)
		if e := b.wantError(err, 500, stripe.ErrorTypeAPI, ""); replayed(e.LastResponse.Header) {
			t.Fatal("the first answer says that it is a replay")
		}
	}
	done := len(b.sim.Ledger().Refunds)
	if done < 10 || done > 30 {
		t.Errorf("%d of 40 had their effect, want about half", done)
	}
	b.faults(Faults{})
	for n := range 40 {
		_, err := b.refund(ctx, fmt.Sprint("r", n), i.ID, 1)
		if e := b.wantError(err, 500, stripe.ErrorTypeAPI, ""); !replayed(e.LastResponse.Header) {
			t.Fatal("not said to be a replay")
		}
	}
	b.wantMoney(1, done)
}

func TestADownProviderAnswersNothingButItsControls(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i := b.paid("k", 1000, "pm_card_visa")
	b.faults(Faults{Down: true})
	before := b.sim.Ledger().Calls
	_, err := b.refund(ctx, "r", i.ID, 1)
	b.wantNoAnswer(err)
	_, err = b.client.V1PaymentIntents.Retrieve(ctx, i.ID, nil)
	b.wantNoAnswer(err)
	if l := b.wantMoney(1, 0); l.Calls != before+2 {
		t.Errorf("%d calls counted, want 2: a hidden retry of the client's transport", l.Calls-before)
	}
	if status, _, _ := b.send("PUT", "/_sim/faults", "{}", nil); status != 200 {
		t.Fatal(status)
	}
	if _, err = b.refund(ctx, "r", i.ID, 1); err != nil {
		t.Error(err)
	}
}

func TestASlowCallHasItsEffectAfterTheCallerLeft(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i := b.paid("k", 1000, "pm_card_visa")
	b.faults(Faults{LatencyMS: 150})
	_, err := b.refund(within(20*time.Millisecond), "r", i.ID, 1)
	b.wantNoAnswer(err)
	b.eventually("the refund is there", func() bool { return len(b.sim.Ledger().Refunds) == 1 })
}

func TestAHeldCallEndsByItselfAndWithClose(t *testing.T) {
	b := start(t, Config{Seed: 1, HoldFor: time.Millisecond, Faults: Faults{Charge: CallFaults{TimeoutBefore: 1}}})
	_, err := b.create(ctx, "k", 100, "pm_card_visa", true)
	b.wantNoAnswer(err)

	b = start(t, Config{Seed: 1, Faults: Faults{Charge: CallFaults{TimeoutBefore: 1}}})
	ended := make(chan error, 1)
	go func() { _, err := b.create(ctx, "k", 100, "pm_card_visa", true); ended <- err }()
	b.eventually("the call has come", func() bool { return b.sim.Ledger().Calls == 1 })
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}
	b.wantNoAnswer(<-ended)
	b.wantMoney(0, 0)
}

func TestADefiniteNoSparesWhatTakesNoMoney(t *testing.T) {
	b := start(t, Config{Seed: 1, Faults: Faults{Charge: CallFaults{Error4xx: 1}}})
	i, err := b.create(ctx, "c", 100, "pm_card_visa", false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.confirm(ctx, "c2", i.ID, "")
	b.wantError(err, 402, stripe.ErrorTypeCard, stripe.ErrorCodeCardDeclined)
	if _, err = b.client.V1PaymentIntents.Cancel(ctx, i.ID, nil); err != nil {
		t.Error(err)
	}
	b.wantMoney(0, 0)
}

func TestProbabilitiesAreKept(t *testing.T) {
	c := CallFaults{TimeoutBefore: 0.1, DropAfter: 0.2, Stored5xx: 0.05, Error4xx: 0.15}
	got := map[fault]float64{}
	const n = 100_000
	for k := range n {
		got[c.pick(float64(k)/n)] += 1.0 / n
	}
	for f, want := range map[fault]float64{
		faultTimeoutBefore: 0.1, faultDropAfter: 0.2, faultStored5xx: 0.05, faultError4xx: 0.15, faultNone: 0.5,
	} {
		if math.Abs(got[f]-want) > 0.001 {
			t.Errorf("fault %d in %.3f of the calls, want %.3f", f, got[f], want)
		}
	}
	if (CallFaults{TimeoutBefore: 1, Error4xx: 1}).pick(0.999) != faultTimeoutBefore ||
		(CallFaults{Error4xx: 1}).pick(0) != faultError4xx {
		t.Error("a probability of 1 must always come true unless one before it does")
	}
}

func TestTheSameSeedTakesTheSameTurns(t *testing.T) {
	run := func() (turns []string) {
		plan := Faults{Charge: CallFaults{Error5xx: 0.3, Error5xxAfter: 0.2, Error4xx: 0.2}}
		b := start(t, Config{Seed: 42, Faults: plan})
		for n := range 30 {
			i, err := b.create(ctx, fmt.Sprint(n), 100, "pm_card_visa", true)
			turns = append(turns, fmt.Sprint(i.ID, err != nil))
		}
		for _, c := range b.sim.Ledger().Charges {
			turns = append(turns, c.ID)
		}
		return turns
	}
	if first, second := run(), run(); fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("%v\n%v", first, second)
	}
}

func TestAnOutageIsOneForLookUpsToo(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i := b.paid("k", 1000, "pm_card_visa")
	r, err := b.refund(ctx, "r", i.ID, 100)
	if err != nil {
		t.Fatal(err)
	}
	charges := func() error { _, err := b.client.V1PaymentIntents.Retrieve(ctx, i.ID, nil); return err }
	refunds := func() error { _, err := b.client.V1Refunds.Retrieve(ctx, r.ID, nil); return err }
	b.faults(Faults{Refund: CallFaults{Lookup5xx: 1}})
	b.wantError(refunds(), 500, stripe.ErrorTypeAPI, "")
	if err := charges(); err != nil {
		t.Errorf("a charge: %v", err)
	}
	b.faults(Faults{Charge: CallFaults{Lookup5xx: 1}})
	b.wantError(charges(), 500, stripe.ErrorTypeAPI, "")
	if err := refunds(); err != nil {
		t.Errorf("a refund: %v", err)
	}
	if _, err := b.refund(ctx, "r2", i.ID, 100); err != nil {
		t.Errorf("a change: %v", err)
	}
}

func TestTheLedgerIsShownAsWritten(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
	b := start(t, Config{Seed: 1, Now: func() time.Time { return at }})
	_, body, _ := b.send("GET", "/_sim/ledger", "", nil)
	if strings.TrimSpace(body) != `{"calls":0,"charges":[],"refunds":[],"disputes":[],"sessions":[]}` {
		t.Errorf("empty ledger: %s", body)
	}
	i := b.paid("k", 1000, "pm_card_visa")
	r, err := b.refund(ctx, "rk", i.ID, 400)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.sim.RefundOutside(RefundParams{PaymentIntent: i.ID, AmountMinor: 100}); err != nil {
		t.Fatal(err)
	}
	d, err := b.sim.OpenDispute(i.ID, "fraudulent", false)
	if err != nil {
		t.Fatal(err)
	}
	const when = `"2026-03-01T12:00:00.123456Z"`
	want := fmt.Sprintf(`{"calls":2,"charges":[{"id":%[1]q,"payment_intent":%[2]q,"order":"order-k",`+
		`"amount_minor":1000,"currency":"USD","digits":2,"at":%[5]s}],`+
		`"refunds":[{"id":%[3]q,"charge":%[1]q,"payment_intent":%[2]q,"key":"rk","amount_minor":400,"currency":"USD",`+
		`"digits":2,"status":"succeeded","at":%[5]s},`+
		`{"id":%[6]q,"charge":%[1]q,"payment_intent":%[2]q,"key":"","amount_minor":100,"currency":"USD",`+
		`"digits":2,"status":"succeeded","at":%[5]s,"outside":true}],`+
		`"disputes":[{"id":%[4]q,"payment_intent":%[2]q,"charge":%[1]q,"amount_minor":1000,"withdrawn_minor":500,`+
		`"currency":"USD","digits":2,"reason":"fraudulent","status":"needs_response","at":%[5]s}],"sessions":[]}`,
		i.LatestCharge.ID, i.ID, r.ID, d.ID, when, b.sim.Ledger().Refunds[1].ID)
	if _, body, _ := b.send("GET", "/_sim/ledger", "", nil); strings.TrimSpace(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
}

func TestConfigurationMistakesAreNamed(t *testing.T) {
	for _, tc := range []struct {
		cfg  Config
		want string
	}{
		{Config{Faults: Faults{Charge: CallFaults{DropAfter: 2}}}, "charge.drop_after"},
		{Config{WebhookURL: "localhost:1"}, "webhook URL"},
		{Config{PublicURL: "localhost:1"}, "PublicURL"},
		{Config{HoldFor: -1}, "HoldFor"},
		{Config{SettleAfter: -1}, "SettleAfter"},
	} {
		if _, err := New(tc.cfg); err == nil || !contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %s named", err, tc.want)
		}
	}
	b := start(t, Config{})
	if _, err := b.sim.Start(ctx, "127.0.0.1:0"); err == nil {
		t.Error("started twice")
	}
	if err := b.sim.SetWebhook("nonsense", ""); err == nil {
		t.Error("took a nonsense webhook URL")
	}
	closed, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := closed.Start(ctx, "127.0.0.1:0"); err == nil {
		t.Error("started after Close")
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	sim, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	c, cancel := context.WithCancel(ctx)
	url, err := sim.Start(c, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	b := &bundle{T: t, sim: sim, url: url}
	b.eventually("nobody listens", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	if err := sim.Close(); err != nil {
		t.Error(err)
	}
}
