package stripegateway

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/returnkit/returnkit/orders/payment"
)

const hookSecret = "whsec_test"

func signed(body, secret string, at time.Time) string {
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(webhook.ComputeSignature(at, []byte(body), secret)))
}

func hook(kind, object string) string {
	return fmt.Sprintf(
		`{"id":"evt_1","object":"event","api_version":"2019-01-01","created":1767225600,"type":%q,`+
			`"data":{"object":%s}}`,
		kind,
		object,
	)
}

func TestParseEventReadsWhatMatters(t *testing.T) {
	at := time.Unix(1767225600, 0).UTC()
	refundObject := `{"id":"re_1","object":"refund","amount":500,"currency":"usd","status":%q,` +
		`"payment_intent":"pi_1","metadata":{"refund_id":"r1","attempt_id":"a1","order_id":"o1"}}`
	ofRefund := Event{
		ID: "evt_1", Kind: EventRefund, At: at, Reference: "re_1", PaymentReference: "pi_1", Amount: 500,
		Currency: "USD", RefundID: "r1", AttemptID: "a1", OrderID: "o1",
	}
	with := func(e Event, change func(*Event)) Event { change(&e); return e }
	disputeObject := `{"id":"dp_1","object":"dispute","amount":1999,"currency":"usd","status":%q,` +
		`"reason":"fraudulent","charge":"ch_1","payment_intent":"pi_1"}`
	ofDispute := Event{ID: "evt_1", Kind: EventDispute, Type: "charge.dispute.created", At: at,
		Reference: "dp_1", PaymentReference: "pi_1", Amount: 1999, Currency: "USD", Reason: "fraudulent",
		Status: "needs_response"}
	for _, c := range []struct {
		kind, object string
		want         Event
	}{
		{"refund.updated", fmt.Sprintf(refundObject, "succeeded"), with(ofRefund, func(e *Event) {
			e.Type,
				e.Status, e.Outcome = "refund.updated", "succeeded", payment.OutcomeDone
		})},
		{"refund.created", fmt.Sprintf(refundObject, "pending"), with(ofRefund, func(e *Event) {
			e.Type,
				e.Status, e.Outcome = "refund.created", "pending", payment.OutcomePending
		})},
		{"refund.failed", fmt.Sprintf(refundObject, "failed"), with(ofRefund, func(e *Event) {
			e.Type, e.Status,
				e.Outcome = "refund.failed", "failed", payment.OutcomeDeclined
		})},
		{"refund.updated", fmt.Sprintf(refundObject, "on_the_moon"), with(ofRefund, func(e *Event) {
			e.Type, e.Status, e.Outcome = "refund.updated", "on_the_moon", payment.OutcomeUnknown
		})},
		{"charge.dispute.created", fmt.Sprintf(disputeObject, "needs_response"), ofDispute},
		{"charge.dispute.closed", fmt.Sprintf(disputeObject, "won"), with(ofDispute, func(e *Event) {
			e.Type, e.Status = "charge.dispute.closed", "won"
		})},
		{"charge.dispute.updated", fmt.Sprintf(disputeObject, "under_review"), with(ofDispute, func(e *Event) {
			e.Type, e.Status = "charge.dispute.updated", "under_review"
		})},
		{"charge.dispute.funds_withdrawn", fmt.Sprintf(
			disputeObject, "needs_response",
		), with(ofDispute, func(e *Event) {
			e.Type = "charge.dispute.funds_withdrawn"
		})},
		{"charge.dispute.funds_reinstated", fmt.Sprintf(disputeObject, "won"), with(ofDispute, func(e *Event) {
			e.Type, e.Status = "charge.dispute.funds_reinstated", "won"
		})},
		{"payment_intent.succeeded", `{"id":"pi_1","object":"payment_intent","amount_received":1999,` +
			`"currency":"jpy","status":"succeeded","metadata":{"order_id":"o1","payment_id":"p1"}}`,
			Event{ID: "evt_1", Kind: EventPaymentSettled, Type: "payment_intent.succeeded", At: at,
				Reference: "pi_1", PaymentReference: "pi_1", Amount: 1999, Currency: "JPY", Status: "succeeded",
				OrderID: "o1", PaymentID: "p1"}},
		{"checkout.session.completed", session("complete", `"pi_1"`, ""),
			Event{ID: "evt_1", Kind: EventPage, Type: "checkout.session.completed", At: at,
				Reference: "cs_1", PaymentReference: "pi_1", Amount: 1999, Currency: "USD", Status: "complete",
				OrderID: "o1", PaymentID: "p1"}},
		{"checkout.session.expired", session("expired", "null", ""),
			Event{ID: "evt_1", Kind: EventPage, Type: "checkout.session.expired", At: at,
				Reference: "cs_1", Amount: 1999, Currency: "USD", Status: "expired", OrderID: "o1", PaymentID: "p1"}},
		{"customer.created", `{"id":"cus_1"}`, Event{ID: "evt_1", Type: "customer.created", At: at}},
	} {
		t.Run(c.kind+" "+c.want.Status, func(t *testing.T) {
			body := hook(c.kind, c.object)
			got, err := ParseEvent([]byte(body), signed(body, hookSecret, time.Now()), hookSecret, 0)
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestOnlyMessagesThatAreSignedNowAreBelieved(t *testing.T) {
	body := hook("refund.updated", `{"id":"re_1"}`)
	now := time.Now()
	good := signed(body, hookSecret, now)
	for name, c := range map[string]struct {
		body, signature, secret string
		want                    error
	}{
		"signed":                     {body, good, hookSecret, nil},
		"one of two signatures fits": {body, good + ",v1=00", hookSecret, nil},
		"no signature":               {body, "", hookSecret, ErrSignature},
		"nonsense":                   {body, "t=x,v1=zz", hookSecret, ErrSignature},
		"another secret":             {body, signed(body, "whsec_other", now), hookSecret, ErrSignature},
		"another body":               {body + " ", good, hookSecret, ErrSignature},
		"an older scheme":            {body, strings.Replace(good, "v1=", "v0=", 1), hookSecret, ErrSignature},
		"another time": {body, strings.Replace(good, fmt.Sprint("t=", now.Unix()),
			fmt.Sprint("t=", now.Unix()+1), 1), hookSecret, ErrSignature},
		"too old": {body, signed(body, hookSecret, now.Add(-6*time.Minute)), hookSecret,
			ErrSignature},
		"by a clock that is ahead":  {body, signed(body, hookSecret, now.Add(time.Hour)), hookSecret, nil},
		"old, and within tolerance": {body, signed(body, hookSecret, now.Add(-4*time.Minute)), hookSecret, nil},
		"no JSON":                   {"{", signed("{", hookSecret, now), hookSecret, ErrPayload},
		"no event":                  {"{}", signed("{}", hookSecret, now), hookSecret, ErrPayload},
		"a refund that is none": {hook("refund.updated", `[]`), signed(hook("refund.updated", `[]`),
			hookSecret, now), hookSecret, ErrPayload},
		"a refund without an id": {hook("refund.failed", `{}`), signed(hook("refund.failed", `{}`),
			hookSecret, now), hookSecret, ErrPayload},
		"an object that is a null": {hook("refund.failed", `null`), signed(hook("refund.failed", `null`),
			hookSecret, now), hookSecret, ErrPayload},
		"a dispute that is a number": {hook("charge.dispute.closed", `7`), signed(hook("charge.dispute.closed",
			`7`), hookSecret, now), hookSecret, ErrPayload},
		"a payment that is not there": {hook("payment_intent.succeeded", `{}`),
			signed(hook("payment_intent.succeeded", `{}`), hookSecret, now), hookSecret, ErrPayload},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseEvent([]byte(c.body), c.signature, c.secret, 0)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
	if _, err := ParseEvent([]byte(body), signed(body, "", now), "", 0); err == nil {
		t.Error("without a secret anybody can sign")
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add(hook("refund.updated", `{"id":"re_1","metadata":{"refund_id":"r"}}`))
	f.Add(hook("charge.dispute.created", `{"id":"dp_1","payment_intent":{"id":"pi_1"}}`))
	f.Add(hook("payment_intent.succeeded", `{"id":"pi_1","metadata":null}`))
	f.Fuzz(func(t *testing.T, body string) {
		e, err := ParseEvent([]byte(body), signed(body, hookSecret, time.Now()), hookSecret, 0)
		if err == nil && (e.ID == "" || e.Kind != EventIgnored && e.Reference == "") {
			t.Errorf("%q gives %+v", body, e)
		}
		if errors.Is(err, ErrSignature) {
			t.Errorf("%q: %v", body, err)
		}
		if _, err := ParseEvent([]byte(body), signed(body, "x", time.Now()), hookSecret, 0); !errors.Is(err,
			ErrSignature) {
			t.Errorf("a forged message: %v", err)
		}
	})
}

func TestListRefundsReadsAllPagesAndTheWholeTime(t *testing.T) {
	from, to := time.Unix(1767225600, 0), time.Unix(1767229200, 0)
	const all = 250
	calls := 0
	g := provider(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		if r.FormValue("created[gte]") != fmt.Sprint(from.Unix()) ||
			r.FormValue("created[lt]") != fmt.Sprint(to.Unix()) || r.FormValue("limit") != "100" {
			t.Errorf("the query is %s", r.URL.RawQuery)
		}
		first := all
		if after := r.FormValue("starting_after"); after != "" {
			if _, err := fmt.Sscanf(after, "re_%d", &first); err != nil {
				t.Error(err)
			}
			first--
		}
		var page []string
		for n := first; n > 0 && len(page) < 100; n-- {
			page = append(
				page,
				fmt.Sprintf(
					`{"id":"re_%d","amount":%d,"currency":"usd","status":"succeeded","created":1767225601,`+
						`"payment_intent":"pi_1","metadata":{"attempt_id":"a%d","refund_id":"r"}}`,
					n,
					n,
					n,
				),
			)
		}
		fmt.Fprintf(w, `{"object":"list","has_more":%v,"data":[%s]}`, first > 100, strings.Join(page, ","))
	})
	n := all
	for l, err := range g.ListRefunds(context.Background(), from, to) {
		if err != nil {
			t.Fatal(err)
		}
		if l.AttemptID != fmt.Sprint("a", n) || l.Amount != int64(n) || l.Currency != "USD" ||
			l.Outcome != payment.OutcomeDone || l.PaymentProviderID != "pi_1" {
			t.Fatalf("refund %d is %+v", n, l)
		}
		n--
	}
	if n != 0 || calls != 3 {
		t.Errorf("%d refunds were left out, %d calls", n, calls)
	}
	for range g.ListRefunds(context.Background(), from, to) {
		break
	}
	if calls != 4 {
		t.Errorf("%d calls after a list that was broken off, want 4", calls)
	}
}

func TestAListThatBreaksOffIsAnError(t *testing.T) {
	g := provider(t, says(500, stripeError("api_error", "")))
	var last error
	n := 0
	for _, err := range g.ListRefunds(context.Background(), time.Unix(0, 0), time.Unix(1, 0)) {
		last = err
		n++
	}
	if n != 1 || last == nil {
		t.Errorf("%d, %v; want one error", n, last)
	}
}

func TestPaymentOwnerReadsTheMetadata(t *testing.T) {
	g := provider(t, says(200, `{"id":"pi_1","metadata":{"order_id":"o1","payment_id":"p1"}}`))
	order, payment, err := g.PaymentOwner(context.Background(), "pi_1")
	if order != "o1" || payment != "p1" || err != nil {
		t.Errorf("%q, %q, %v", order, payment, err)
	}
	g = provider(t, says(404, stripeError("invalid_request_error", "resource_missing")))
	if order, payment, err := g.PaymentOwner(context.Background(), "pi_1"); order != "" || payment != "" || err != nil {
		t.Errorf("a payment that does not exist is of %q, %q, %v; want nobody's", order, payment, err)
	}
	g = provider(t, says(500, stripeError("api_error", "")))
	if _, _, err := g.PaymentOwner(context.Background(), "pi_1"); err == nil {
		t.Error("no error for a payment that could not be read")
	}
}
