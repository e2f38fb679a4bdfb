package refunds

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
)

// decision is a row of the table in the package documentation.
type decision struct {
	row    string
	name   string
	refund func(r *Refund)
	age    time.Duration // since the first send
	p      progress
	want   action
	reason string // a part of it
}

func result(o payment.Outcome) *payment.Result { return &payment.Result{Outcome: o} }

func replayed(o payment.Outcome, http int) *payment.Result {
	return &payment.Result{Outcome: o, Replayed: true, HTTP: http}
}

var decideConfig = Config{}.withDefaults()

var (
	asItIs  = func(*Refund) {}
	onHoldR = func(r *Refund) { r.HoldRef = "dp_1" }
	pending = func(r *Refund) {
		r.setStatus(StatusPending)
		r.Attempt().ProviderID, r.Attempt().AnsweredAt = "re_1", r.CreatedAt
	}
	errored = func(r *Refund) { r.Attempt().StoredError, r.Attempt().AnsweredAt = true, r.CreatedAt }
	named   = func(r *Refund) { r.Attempt().ProviderID, r.Attempt().AnsweredAt = "re_1", r.CreatedAt }
)

const (
	done, declined, noEffect = payment.OutcomeDone, payment.OutcomeDeclined, payment.OutcomeNoEffect
	unknown, absent          = payment.OutcomeUnknown, payment.OutcomeAbsent
	waiting, acting          = payment.OutcomePending, payment.OutcomeRequiresAction
)

var decisions = []decision{
	{"1", "never sent", asItIs, 0, progress{}, actionSend, ""},
	{"1", "sent and not answered, a moment ago", asItIs, time.Second - 1, progress{doubt: true}, actionSend, ""},
	{"2", "sent and not answered for a second", asItIs, time.Second, progress{doubt: true}, actionLookUp,
		"not answered"},
	{"3", "a server error is kept under the key", errored, 0, progress{stored: true}, actionLookUp, "server error"},
	{"3", "the provider decides", pending, 0, progress{doubt: true}, actionLookUp, "decides later"},
	{"3", "on hold", onHoldR, 0, progress{doubt: true}, actionLookUp, "on hold"},
	{"3", "a message requests it", asItIs, 0, progress{doubt: true, confirm: true}, actionLookUp, "message"},

	{"4", "sent and paid", asItIs, 0, progress{sent: result(done)}, actionSucceed, ""},
	{"4", "looked up and paid", asItIs, 0, progress{found: result(done)}, actionSucceed, ""},
	{"4", "an old answer, looked up and paid", asItIs, 0, progress{sent: replayed(done, 200),
		found: result(done)}, actionSucceed, ""},
	{"4", "an old answer that can't be looked up", asItIs, 0, progress{sent: replayed(done, 200),
		found: result(unknown)}, actionSucceed, ""},
	{"4", "declined, and an earlier call has paid", asItIs, 0, progress{sent: result(declined),
		found: result(done), doubt: true}, actionSucceed, ""},
	{"5", "sent and declined", asItIs, 0, progress{sent: result(declined)}, actionFail, ""},
	{"5", "looked up and declined", asItIs, 0, progress{found: result(declined)}, actionFail, ""},
	{"5", "an old answer that was reversed", asItIs, 0, progress{sent: replayed(done, 200),
		found: result(declined)}, actionFail, ""},
	{"5", "declined, and no earlier call has paid", asItIs, 0, progress{sent: result(declined),
		found: result(absent), doubt: true}, actionFail, ""},
	{"6", "sent, decided later", asItIs, 0, progress{sent: result(waiting)}, actionWait, "decides later"},
	{"6", "looked up, waits for an action", asItIs, 0, progress{found: result(acting)}, actionWait, "decides later"},
	{"7", "sent and paid in part", asItIs, 0, progress{sent: &payment.Result{Outcome: done, Amount: 7}},
		actionReview, "7 minor units"},
	{"7", "looked up and paid in part", asItIs, 0, progress{found: &payment.Result{Outcome: waiting,
		Amount: 7}}, actionReview, "7 minor units"},
	{"7", "an old answer of another amount", asItIs, 0, progress{sent: &payment.Result{Outcome: done, Amount: 7,
		Replayed: true}}, actionReview, ""},

	{"8", "a server error is replayed", asItIs, 0, progress{sent: replayed(unknown, 500)}, actionLookUp,
		"server error"},
	{"8", "declined in doubt", asItIs, 0, progress{sent: result(declined), doubt: true}, actionLookUp, "may have paid"},
	{"8", "a good answer is replayed", asItIs, 0, progress{sent: replayed(done, 200)}, actionLookUp, "old one"},
	{"8", "a pending answer is replayed", asItIs, 0, progress{sent: replayed(waiting, 200)}, actionLookUp, "old one"},
	{"9", "sent and not answered", asItIs, 0, progress{sent: result(unknown)}, actionWait, "unknown"},
	{"9", "a server error is replayed, and nothing is there", asItIs, 0, progress{sent: replayed(unknown, 500),
		found: result(absent), stored: true}, actionWait, "unknown"},
	{"9", "a server error is replayed, and can't be looked up", asItIs, 0, progress{sent: replayed(unknown,
		500), found: result(unknown), stored: true}, actionWait, "unknown"},
	{"9", "nothing happened, and an earlier call may have paid", asItIs, 0, progress{sent: result(noEffect),
		doubt: true}, actionWait, "unknown"},
	{"9", "nothing happened", asItIs, 0, progress{sent: result(noEffect)}, actionWait, "nothing happened"},
	{"9", "nothing happened for a day, tried little", asItIs, 24 * time.Hour, progress{sent: result(noEffect),
		tries: 9}, actionWait, "nothing happened"},
	{"10", "nothing happened for a day, tried often", asItIs, 24 * time.Hour, progress{sent: result(noEffect),
		tries: 10}, actionReview, "11 tries"},

	{"11", "can't be looked up", asItIs, time.Hour, progress{found: result(unknown), doubt: true}, actionWait,
		"failed"},
	{"11", "pending, can't be looked up", pending, 48 * time.Hour, progress{found: result(unknown)}, actionWait,
		"failed"},
	{"11", "can't be looked up while on hold", onHoldR, time.Minute, progress{found: result(unknown),
		doubt: true}, actionWait, "on hold"},
	{"11", "declined in doubt, can't be looked up", asItIs, time.Minute, progress{sent: result(declined),
		found: result(unknown), doubt: true}, actionWait, "failed"},
	{"12", "can't be looked up, old key", asItIs, 23 * time.Hour, progress{found: result(unknown), doubt: true},
		actionReview, "can't be looked up"},
	{"12", "can't be looked up while on hold for the grace", onHoldR, time.Hour,
		progress{found: result(unknown), doubt: true}, actionReview, "on hold for dp_1"},
	{"12", "can't be looked up, shown before", func(r *Refund) {
		r.Work.NeedsReview, r.Work.LastError = true,
			"why it is shown"
	}, time.Hour,
		progress{found: result(unknown), doubt: true}, actionReview, "why it is shown"},

	{"20", "declined, and others refunded the payment", asItIs, 0, progress{sent: result(declined),
		elsewhere: "others did"}, actionReview, "others did"},
	{"20", "declined in doubt, nothing there, and others refunded the payment", asItIs, 0, progress{
		sent: result(
			declined,
		), found: result(absent), doubt: true, elsewhere: "others did"}, actionReview, "others did"},
	{"13", "absent, young key", asItIs, time.Minute, progress{found: result(absent), doubt: true}, actionSend,
		"still knows the key"},
	{"14", "absent while on hold", onHoldR, time.Minute, progress{found: result(absent), doubt: true},
		actionWait, "on hold"},
	{"14", "absent within the grace of the error", errored, time.Hour - 1, progress{found: result(absent),
		stored: true}, actionWait, "not have it yet"},
	{"15", "absent while on hold for the grace", onHoldR, time.Hour, progress{found: result(absent),
		doubt: true}, actionReview, "on hold for dp_1"},
	{"15", "absent, old key", asItIs, 23 * time.Hour, progress{found: result(absent), doubt: true},
		actionReview, "too old"},
	{"15", "absent while on hold, old key", onHoldR, 23 * time.Hour, progress{found: result(absent),
		doubt: true}, actionReview, "too old"},
	{"15", "absent, and the provider had it", named, time.Hour, progress{found: result(absent), doubt: true},
		actionReview, "had it as re_1"},
	{"15", "absent, and it was pending", pending, time.Hour, progress{found: result(absent)}, actionReview,
		"had it as re_1"},
	{"17", "no look-ups, never sent", asItIs, 0, progress{blind: true}, actionSend, "still knows the key"},
	{"17", "no look-ups, not answered for an hour", asItIs, time.Hour, progress{blind: true, doubt: true},
		actionSend, "still knows the key"},
	{"18", "no look-ups, pending", pending, time.Hour, progress{blind: true}, actionWait, "message"},
	{"18", "no look-ups, on hold", onHoldR, time.Minute, progress{blind: true, doubt: true}, actionWait, "on hold"},
	{"19", "no look-ups, pending for 10 days", pending, 240 * time.Hour, progress{blind: true}, actionReview,
		"10 days"},
	{"19", "no look-ups, a server error is kept", errored, time.Minute, progress{blind: true, stored: true},
		actionReview, "server error"},
	{"19", "no look-ups, on hold for the grace", onHoldR, time.Hour, progress{blind: true, doubt: true},
		actionReview, "on hold for dp_1"},
	{"19", "no look-ups, old key", asItIs, 23 * time.Hour, progress{blind: true, doubt: true}, actionReview, "too old"},
	{"19", "no look-ups, declined in doubt", asItIs, 0, progress{blind: true, doubt: true,
		sent: result(declined)}, actionReview, "can't be asked"},
	{"7", "another currency", asItIs, 0, progress{sent: &payment.Result{Outcome: done, Currency: "EUR"}},
		actionReview, "in EUR"},
	{"7", "the id of another refund", asItIs, 0, progress{found: &payment.Result{Outcome: done,
		ProviderID: "re_1"}, foreign: "r2"}, actionReview, "id of refund r2"},
	{"16", "absent after the grace of the error", errored, time.Hour, progress{found: result(absent),
		stored: true}, actionFail, "1h0m0s ago"},
}

func TestEveryRowOfTheTableIsDecided(t *testing.T) {
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	covered := map[string]bool{}
	for _, c := range decisions {
		covered[c.row] = true
		t.Run(c.row+": "+c.name, func(t *testing.T) {
			begun := now.Add(-c.age)
			r := &Refund{ID: "r", Status: StatusUnknown, Method: payment.Card, Quote: Quote{Amount: 1000,
				Currency: "USD"}, CreatedAt: begun,
				Attempts: []Attempt{{ID: "a", Method: payment.Card, Amount: 1000, Key: "k",
					Status: StatusUnknown, CreatedAt: begun, FirstSentAt: begun}}}
			c.refund(r)
			before := r.Clone()
			got, reason := decide(r, &decideConfig, now, c.p)
			if got != c.want || !strings.Contains(reason, c.reason) || reason == "" {
				t.Errorf("%s, because %q; want %s, because of %q", got, reason, c.want, c.reason)
			}
			if before.Status != r.Status || before.Attempts[0] != r.Attempts[0] || before.Work != r.Work {
				t.Error("the decision changed the refund")
			}
			if got == actionWait && !nextTry(r, &decideConfig, now, c.p, got).After(now) {
				t.Error("a wait is not followed by a try later")
			}
		})
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.
		MustCompile(`(?m)^//\t *(\d+) +\S.*? {2,}(send|look up|wait|succeed|fail|review)$`).
		FindAllStringSubmatch(string(doc), -1)
	if len(rows) < 16 {
		t.Fatalf("the table of the documentation has %d rows", len(rows))
	}
	for _, row := range rows {
		if !covered[row[1]] {
			t.Errorf("row %s of the documentation has no case", row[1])
		}
		for _, c := range decisions {
			if c.row == row[1] && string(c.want) != row[2] {
				t.Errorf("row %s of the documentation says %s; %q is %s", row[1], row[2], c.name, c.want)
			}
		}
		delete(covered, row[1])
	}
	for row := range covered {
		t.Errorf("case %s has no row in the documentation", row)
	}
}
