package proptest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/payment/stripegateway"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// faults are the plans of the provider, by name. Each is certain to happen, so
// that the model knows what may come of it.
var faults = map[string]paysim.Faults{
	"refuses charges":              {Charge: paysim.CallFaults{Error4xx: 1}},
	"refuses refunds":              {Refund: paysim.CallFaults{Error4xx: 1}},
	"is down":                      {Down: true},
	"loses charges":                {Charge: paysim.CallFaults{TimeoutBefore: 1}},
	"loses answers to charges":     {Charge: paysim.CallFaults{TimeoutAfter: 1}},
	"cuts refunds after the money": {Refund: paysim.CallFaults{DropAfter: 1}},
	"loses refunds":                {Refund: paysim.CallFaults{TimeoutBefore: 1}},
	"loses answers to refunds":     {Refund: paysim.CallFaults{TimeoutAfter: 1}},
	"fails before":                 {Charge: paysim.CallFaults{Error5xx: 1}, Refund: paysim.CallFaults{Error5xx: 1}},
	"fails after the money": {
		Charge: paysim.CallFaults{Error5xxAfter: 1},
		Refund: paysim.CallFaults{Error5xxAfter: 1},
	},
	"stores errors":            {Charge: paysim.CallFaults{Stored5xx: 1}, Refund: paysim.CallFaults{Stored5xx: 1}},
	"is at it already":         {Refund: paysim.CallFaults{Conflict409: 1}},
	"takes refunds back later": {RefundFailsLater: 1},
}

// refuses says that after this plan a charge or a refund may have failed for good.
func refuses(fault string) bool {
	return fault == "refuses charges" || fault == "refuses refunds" || fault == "stores errors" ||
		fault == "takes refunds back later"
}

// set replaces the plan.
func (d *desk) set(fault string) {
	d.Helper()
	d.ok(d.sim.SetFaults(faults[fault]))
	d.fault = fault
	d.remember()
}

// remember notes what may have happened to whatever is under way.
func (d *desk) remember() {
	for _, o := range d.orders {
		o.refused = o.refused || refuses(d.fault) && o.status == "QUEUED"
	}
	for _, k := range d.cases {
		open := k.asked && k.status == "APPROVED" || k.unpaid
		k.refused = k.refused || open && (refuses(d.fault) || k.of.stopped())
	}
}

// dispute is what a bank says against the payment of an order.
type dispute struct {
	id      string
	inquiry bool
	status  string // as the bank has it; empty while it is open
}

// stopped says that the provider takes no refund of the order's payment.
func (o *order) stopped() bool {
	return slices.ContainsFunc(
		o.disputes,
		func(b dispute) bool { return b.status == "" && !b.inquiry || b.status == "lost" },
	)
}

// lost says that the bank has won a dispute of the order's payment, whether the shop has
// heard of it or not.
func (o *order) lost() bool {
	return slices.ContainsFunc(o.disputes, func(b dispute) bool { return b.status == "lost" })
}

// held says that the shop has heard of a dispute that is not over, or was lost.
func (o *order) held() bool {
	for _, holds := range o.holds {
		if holds {
			return true
		}
	}
	return false
}

// disputed has a bank dispute the payment of an order, or ask about it.
func (d *desk) disputed(i int, inquiry bool) {
	d.Helper()
	if len(d.orders) == 0 {
		return
	}
	o := d.orders[i%len(d.orders)]
	again := slices.ContainsFunc(o.disputes, func(b dispute) bool { return b.status == "" || b.status == "lost" })
	if !o.card || o.status != "COMPLETED" || again {
		return
	}
	paid, err := d.shop.Orders.Order(d.Context(), o.id)
	d.ok(err)
	b, err := d.sim.OpenDispute(paid.Payment.ProviderID, "fraudulent", inquiry)
	d.ok(err)
	o.disputes = append(o.disputes, dispute{id: b.ID, inquiry: inquiry})
	d.remember()
}

// judged ends the dispute of an order.
func (d *desk) judged(i int, status string) {
	d.Helper()
	if len(d.orders) == 0 {
		return
	}
	o := d.orders[i%len(d.orders)]
	j := slices.IndexFunc(o.disputes, func(b dispute) bool { return b.status == "" })
	if j < 0 {
		return
	}
	if o.disputes[j].inquiry {
		status = "warning_closed"
	}
	_, err := d.sim.CloseDispute(o.disputes[j].id, status)
	d.ok(err)
	o.disputes[j].status = status
}

// letter is a message of the provider that the shop has not taken yet.
type letter struct {
	signature string
	body      []byte
}

// mailbox takes the provider's messages in, to be handed on when and in the
// order that a sequence wants.
func (d *desk) mailbox(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	d.mail.Lock()
	defer d.mail.Unlock()
	d.letters = append(d.letters, letter{r.Header.Get(stripegateway.SignatureHeader), body})
}

// collect takes all that the provider has to say out of the mailbox, in the
// order in which it happened.
func (d *desk) collect() []letter {
	d.Helper()
	d.ok(client.Until(d.Context(), time.Millisecond, func(context.Context) error {
		if n := d.sim.Unsettled(); n > 0 {
			return fmt.Errorf("%d things of the provider are still to come", n)
		}
		return nil
	}))
	d.mail.Lock()
	defer d.mail.Unlock()
	all := d.letters
	d.letters = nil
	slices.SortFunc(all, func(a, b letter) int { return strings.Compare(a.event().ID, b.event().ID) })
	return all
}

func (l letter) event() (e struct {
	ID, Type string
	Data     struct {
		Object struct {
			ID, Status string
			Metadata   map[string]string
		}
	}
}) {
	_ = json.Unmarshal(l.body, &e) // the shop says what is wrong with it
	return e
}

// The ways in which messages come.
var deliveries = map[string]func([]letter) []letter{
	"in order":       func(all []letter) []letter { return all },
	"backwards":      func(all []letter) []letter { slices.Reverse(all); return all },
	"each twice":     func(all []letter) []letter { return slices.Concat(all, all) },
	"only the first": func(all []letter) []letter { return all[:min(1, len(all))] },
}

// deliver hands messages of the provider to the shop; those left over or not
// taken come again next time.
func (d *desk) deliver(how string) {
	d.Helper()
	waiting := d.collect()
	taken := map[string]bool{}
	for _, l := range deliveries[how](slices.Clone(waiting)) {
		d.hand(l, taken)
	}
	d.mail.Lock()
	defer d.mail.Unlock()
	for _, l := range waiting {
		if !taken[l.event().ID] {
			d.letters = append(d.letters, l)
		}
	}
}

// hand delivers one message, and checks what it has led to.
func (d *desk) hand(l letter, taken map[string]bool) {
	d.Helper()
	e := l.event()
	back := d.paidAndTakenBack()
	req, err := http.NewRequestWithContext(
		d.Context(),
		http.MethodPost,
		d.srv.URL+app.WebhookPath,
		bytes.NewReader(l.body),
	)
	d.ok(err)
	req.Header.Set(stripegateway.SignatureHeader, l.signature)
	res, err := http.DefaultClient.Do(req)
	d.ok(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	d.ok(err)
	result := strings.TrimSpace(string(body))
	switch {
	case res.StatusCode == http.StatusOK && result == "ignored" && unfollowed(e.Type):
		taken[e.ID] = true
		return
	case taken[e.ID]:
		if res.StatusCode != http.StatusOK || result != "repeated" {
			d.note("the second %s %s: %d %s", e.Type, e.ID, res.StatusCode, result)
		}
		return
	case res.StatusCode == http.StatusInternalServerError: // nobody could look; it comes again
		return
	case res.StatusCode != http.StatusOK || result != "handled":
		d.note("%s %s: %d %s", e.Type, e.ID, res.StatusCode, result)
		return
	}
	taken[e.ID] = true
	d.taken++
	if strings.HasPrefix(e.Type, "charge.dispute.") {
		d.told(e.Data.Object.ID, e.Data.Object.Status)
	}
	for _, r := range back {
		d.takenBack(r, e.Data.Object.Metadata["refund_id"] == r.ID)
	}
}

// unfollowed reports whether the shop may ignore a message: what lies between
// the beginning and the end of a dispute.
func unfollowed(kind string) bool {
	switch kind {
	case "charge.dispute.updated", "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated":
		return true
	}
	return false
}

// told is what the shop knows after a message about a dispute.
func (d *desk) told(id, status string) {
	d.Helper()
	for _, o := range d.orders {
		if !slices.ContainsFunc(o.disputes, func(b dispute) bool { return b.id == id }) {
			continue
		}
		over := status == "won" || status == "prevented" || status == "warning_closed"
		if _, known := o.holds[id]; over || !known {
			o.holds[id] = !over
		}
		for _, k := range d.cases {
			if k.of == o {
				k.told, k.parked = true, k.parked && o.held()
			}
		}
	}
}

// paidAndTakenBack returns the refunds that count as paid at the shop, and that the provider has taken
// back.
func (d *desk) paidAndTakenBack() (back []refunds.Refund) {
	d.Helper()
	for _, at := range d.sim.Ledger().Refunds {
		if at.Status != "failed" || at.Outside {
			continue
		}
		r, err := d.shop.Refunds.ByID(d.Context(), at.Metadata["refund_id"])
		d.ok(err)
		if r.Status == refunds.StatusSucceeded && r.Attempt().ID == at.Metadata["attempt_id"] {
			back = append(back, r)
		}
	}
	return back
}

// takenBack is what must be when the shop has heard that the provider took a refund back: it is
// reversed, and what is owed is held and awaits a choice. It hears so of a message about the refund,
// and of one about the payment where it looks at all its refunds.
func (d *desk) takenBack(r refunds.Refund, told bool) {
	d.Helper()
	now, err := d.shop.Refunds.ByID(d.Context(), r.ID)
	d.ok(err)
	if !told && now.Status != refunds.StatusReversed {
		return
	}
	d.reversed++
	next, err := d.shop.Refunds.ByClientReference(d.Context(), r.ClientReference)
	d.ok(err)
	certain := !slices.ContainsFunc(d.cases, func(k *kase) bool { return k.id == r.ClientReference && !k.of.certain() })
	if !certain {
		if now.Status != refunds.StatusReversed {
			d.note("refund %s of several that was reversed is %s", r.ID, now.Status)
		}
	} else if now.Status != refunds.StatusReversed || next.ID == r.ID || next.HoldRef != refunds.AwaitingMethod ||
		!next.Work.NeedsReview ||
		next.Amount() == 0 {
		d.note(
			"refund %s that was reversed is %s, and what is owed is %s, held by %q",
			r.ID,
			now.Status,
			next.Status,
			next.HoldRef,
		)
	}
	for _, k := range d.cases {
		if k.id == r.ClientReference {
			k.unpaid = true
		}
	}
}

// idle reports whether nothing of a case's refund can be on its way.
func (d *desk) idle(k *kase) bool {
	d.Helper()
	r, err := d.shop.Refunds.ByClientReference(d.Context(), k.id)
	if errors.Is(err, refunds.ErrNotFound) {
		return true
	}
	d.ok(err)
	return r.OnHold() || r.Status == refunds.StatusFailed
}

// tasks holds the tasks of a case against what the shop has heard.
func (d *desk) tasks(k *kase) {
	d.Helper()
	c, err := d.shop.Returns.Return(d.Context(), k.id)
	d.ok(err)
	disputed := slices.ContainsFunc(
		c.OpenTasks(),
		func(t returns.Task) bool { return t.Kind == returns.TaskPaymentDisputed },
	)
	if held := k.of.held(); disputed && !held || held && k.told && !disputed && !c.Status.Final() {
		d.note("case %s is %s, its payment is held %t, and a task says so: %t", k.id, c.Status, held, disputed)
	}
	list, _, err := d.shop.Refunds.List(
		d.Context(),
		refunds.Query{OrderID: k.of.id, Status: []refunds.Status{refunds.StatusReversed}},
	)
	d.ok(err)
	for _, r := range list {
		if r.ClientReference == k.id &&
			!slices.ContainsFunc(
				c.Tasks,
				func(t returns.Task) bool { return t.Kind == returns.TaskRefundReversed && t.Ref == r.ID },
			) {
			d.note("case %s has no task for refund %s, which was reversed", k.id, r.ID)
		}
	}
}
