package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/e2e/apptest"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// two are replicas of a shop on one database and with one provider.
func two(t *testing.T, settings ...string) (a, b *bench, provider *paysim.Simulator) {
	t.Helper()
	provider, err := paysim.New(paysim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	address, err := provider.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := provider.Close(); err != nil {
			t.Error(err)
		}
	})
	settings = append([]string{
		"DATABASE_URL=" + apptest.PostgresURL(t), "PAYMENT_PROVIDER_URL=" + address, "PAYMENT_PROVIDER_TIMEOUT=4s",
	}, settings...)
	return open(t, settings...), open(t, settings...), provider
}

// waits reads the approvals that wait, by return.
func (u browser) waits() map[string]string {
	u.t.Helper()
	var w struct {
		Approvals []struct {
			ID       string
			ReturnID string `json:"return_id"`
		}
	}
	if err := json.Unmarshal([]byte(u.get("/api/admin/queue").want(u.bench.t, 200).body), &w); err != nil {
		u.t.Fatal(err)
	}
	byReturn := map[string]string{}
	for _, a := range w.Approvals {
		byReturn[a.ReturnID] = a.ID
	}
	return byReturn
}

func TestARefundAboveTheLimitWaitsForASecondPerson(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, append(settings, "APPROVAL_AMOUNT=50.00", "PAYMENT_PROVIDER_TIMEOUT=4s")...)
		asker, second := b.withRole("fin1", auth.Finance), b.withRole("fin2", auth.Finance)
		c := b.approved(b.buy(b.customer("ada"), 1))
		at := "/api/admin/returns/" + c.ID + "/refund"
		for range 2 { // asking again makes no second one
			a := asker.json(at, `{"method":"CARD"}`).want(t, http.StatusAccepted, `"success":false`, `"pending":true`,
				`"status":"PENDING"`, "waits for approval by someone else")
			if strings.Contains(a.body, "failure_reason\":\"") {
				t.Error(a.body)
			}
		}
		id := asker.waits()[c.ID]
		if id == "" {
			t.Fatal("it is not in the queue")
		}
		asker.get("/admin/queue").want(t, 200, "Refunds that wait for approval", "fin1", "it is above")
		asker.get("/admin/returns/"+c.ID).want(t, 200, "waits for approval by someone else")
		for _, path := range []string{"/api/admin/queue/approvals/", "/admin/queue/approvals/"} {
			asker.json(path+id+"/approve", `{}`).want(t, http.StatusForbidden, "You requested this refund")
		}
		b.withRole("sup", auth.Support).json("/api/admin/queue/approvals/"+id+"/approve", `{}`).
			want(t, 403, "FORBIDDEN")
		if _, err := b.Refunds.ByClientReference(t.Context(), c.ID); err == nil {
			t.Fatal("a refund was opened before the approval")
		}
		second.json("/api/admin/queue/approvals/"+id+"/approve", `{}`).want(t, 200, "is refunded")
		second.json("/api/admin/queue/approvals/"+id+"/approve", `{}`).want(t, http.StatusConflict, "has decided")
		r, err := b.Refunds.ByClientReference(t.Context(), c.ID)
		if err != nil || r.Status != refunds.StatusSucceeded {
			t.Errorf("%s, %v", r.Status, err)
		}
		if now := b.theCase(c.ID); now.Status != returns.StatusRefunded {
			t.Errorf("the case is %s", now.Status)
		}
		for _, kind := range []string{"approval.requested", "approval.approved", "approval.paid"} {
			if n := len(b.entries(kind)); n != 1 {
				t.Errorf("%d entries of %s in the audit", n, kind)
			}
		}
	})
}

func TestARefundIsDeclinedWithdrawnOrVoidWhenTheCaseHasChanged(t *testing.T) {
	t.Parallel()
	b := open(t, "APPROVAL_AMOUNT=0")
	asker, second := b.withRole("fin1", auth.Finance), b.withRole("fin2", auth.Finance)
	who := b.customer("ada")
	request := func(method string) (returns.Return, string) {
		c := b.approved(b.buy(who, 1))
		asker.form("/admin/returns/"+c.ID+"/refund", url.Values{"method": {method}}).
			want(t, http.StatusFound)
		asker.get("/admin/returns/"+c.ID).want(t, 200, "waits for approval")
		return c, asker.waits()[c.ID]
	}
	c, id := request("CASH")
	second.json("/api/admin/queue/approvals/"+id+"/decline", `{}`).want(t, 400, "Say why")
	second.json("/api/admin/queue/approvals/"+id+"/decline", `{"note":"not now"}`).want(t, 200)
	second.json("/api/admin/queue/approvals/"+id+"/approve", `{}`).want(t, http.StatusConflict)
	if _, err := b.Refunds.ByClientReference(t.Context(), c.ID); err == nil {
		t.Error("a declined refund was opened")
	}
	_, id = request("CASH")
	asker.json("/api/admin/queue/approvals/"+id+"/decline", `{"note":"mine"}`).want(t, 200)

	c, id = request("CASH")
	asker.json("/api/admin/returns/"+c.ID+"/refund", `{"method":"STORE_CREDIT"}`).want(t, http.StatusAccepted)
	if now := asker.waits()[c.ID]; now == id {
		t.Error("another method is the same request")
	}
	second.json("/api/admin/queue/approvals/"+id+"/approve", `{}`).want(t, http.StatusConflict, "is void")
}

func TestNobodyApprovesTheirOwnRefundAndNoneIsPaidTwice(t *testing.T) {
	t.Parallel()
	a, b, provider := two(t, "APPROVAL_AMOUNT=50.00")
	who := a.customer("ada")
	asker, here := a.withRole("fin1", auth.Finance), a.withRole("fin2", auth.Finance)
	there, askerThere := b.signInAs("fin2", "correct horse"), b.signInAs("fin1", "correct horse")
	const rounds = 100
	paid := 0
	for round := range rounds {
		c := a.approved(a.buy(who, 1))
		asker.json("/api/admin/returns/"+c.ID+"/refund", `{"method":"CARD"}`).want(t, http.StatusAccepted)
		path := "/api/admin/queue/approvals/" + asker.waits()[c.ID] + "/approve"
		// The asker and the second person, each at both replicas, at once.
		clicks := []browser{asker, here, there, askerThere}
		answers := make([]answer, len(clicks))
		var all sync.WaitGroup
		start := make(chan struct{})
		for i, u := range clicks {
			all.Go(func() { <-start; answers[i] = u.json(path, `{}`) })
		}
		close(start)
		all.Wait()
		approved := 0
		for i, got := range answers {
			own := i == 0 || i == 3
			switch {
			case own && got.status != http.StatusForbidden:
				t.Errorf("round %d: the asker's click is answered %d %s", round, got.status, got.body)
			case !own && got.status == http.StatusOK:
				approved++
			case !own && got.status != http.StatusConflict:
				t.Errorf("round %d: a click is answered %d %s", round, got.status, got.body)
			}
		}
		if approved != 1 {
			t.Errorf("round %d: %d clicks approved it", round, approved)
		}
		if r, err := a.Refunds.ByClientReference(t.Context(), c.ID); err != nil || r.Status != refunds.StatusSucceeded {
			t.Errorf("round %d: %s, %v", round, r.Status, err)
		}
		paid++
	}
	seen := map[string]int{}
	for _, r := range provider.Ledger().Refunds {
		seen[r.Charge]++
	}
	if len(seen) != paid {
		t.Errorf("%d charges were refunded, want %d", len(seen), paid)
	}
	for charge, n := range seen {
		if n != 1 {
			t.Errorf("%s was refunded %d times", charge, n)
		}
	}
}

func TestTheLimitOfADayHoldsOverReplicas(t *testing.T) {
	t.Parallel()
	a, b, _ := two(t, "APPROVAL_AMOUNT_PER_DAY=200.00")
	who := a.customer("ada")
	asker := a.withRole("fin1", auth.Finance)
	replicas := []browser{asker, b.signInAs("fin1", "correct horse")}
	var cases []returns.Return
	for range 8 { // 85.79 each
		cases = append(cases, a.approved(a.buy(who, 1)))
	}
	statuses := make([]int, len(cases))
	var all sync.WaitGroup
	for i, c := range cases {
		all.Go(func() {
			statuses[i] = replicas[i%2].json("/api/admin/returns/"+c.ID+"/refund", `{"method":"CASH"}`).status
		})
	}
	all.Wait()
	count := map[int]int{}
	for _, s := range statuses {
		count[s]++
	}
	if count[http.StatusOK] != 2 || count[http.StatusAccepted] != 6 {
		t.Errorf("answers %v, want 2 paid and 6 that wait", count)
	}
	// Another person has a limit of their own.
	other := b.withRole("fin2", auth.Finance)
	c := a.approved(a.buy(who, 1))
	other.json("/api/admin/returns/"+c.ID+"/refund", `{"method":"CASH"}`).want(t, 200)
	// One that was let pass and is requested again counts once.
	for i, s := range statuses {
		if s == http.StatusOK {
			at := "/api/admin/returns/" + cases[i].ID + "/refund"
			asker.json(at, `{"method":"CASH"}`).want(t, 200)
		}
	}
	if got := fmt.Sprint(len(asker.waits())); got != "6" {
		t.Errorf("%s wait", got)
	}
}

// What the provider took back is paid again by another method only with a second person.
func TestARefundThatWasTakenBackWaitsForASecondPersonAgain(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, append(settings, "APPROVAL_AMOUNT=50.00", "PAYMENT_PROVIDER_TIMEOUT=4s")...)
		b.run()
		ctx := t.Context()
		asker, second := b.withRole("fin1", auth.Finance), b.withRole("fin2", auth.Finance)
		c := b.approved(b.buy(b.customer("ada"), 1))
		at, approve := "/api/admin/returns/"+c.ID+"/refund", func() string {
			return "/api/admin/queue/approvals/" + asker.waits()[c.ID] + "/approve"
		}
		asker.json(at, `{"method":"CARD"}`).want(t, http.StatusAccepted)
		b.faults(paysim.Faults{RefundFailsLater: 1})
		second.json(approve(), `{}`).want(t, 200)
		b.eventually("what is owed after the reversal", func() bool {
			r, err := b.Refunds.ByClientReference(ctx, c.ID)
			return err == nil && r.HoldRef == refunds.AwaitingMethod
		})
		asker.json(at, `{"method":"CASH"}`).want(t, http.StatusAccepted, "waits for approval by someone else")
		if r, err := b.Refunds.ByClientReference(ctx, c.ID); err != nil || r.Status == refunds.StatusSucceeded {
			t.Fatalf("one person alone paid it: %s by %s, %v", r.Status, r.Method, err)
		}
		asker.json(approve(), `{}`).want(t, http.StatusForbidden)
		second.json(approve(), `{}`).want(t, 200)
		if r, err := b.Refunds.ByClientReference(ctx, c.ID); err != nil || r.Status != refunds.StatusSucceeded ||
			r.Method != payment.Cash {
			t.Errorf("after the approval it is %s by %s, %v", r.Status, r.Method, err)
		}
	})
}

// An approval is of what is left after what others gave back, where that was requested.
func TestWhatIsLeftOfAPaymentIsPaidAfterApproval(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, append(settings, "APPROVAL_AMOUNT=1.00", "PAYMENT_PROVIDER_TIMEOUT=4s")...)
		b.run()
		ctx := t.Context()
		asker, second := b.withRole("fin1", auth.Finance), b.withRole("fin2", auth.Finance)
		o := b.buy(b.customer("ada"), 2)
		c := b.approved(o)
		unit := o.Payment.Amount / 2
		_, err := b.Simulator.RefundOutside(paysim.RefundParams{
			PaymentIntent: o.Payment.ProviderID, AmountMinor: o.Payment.Amount - unit/2,
		})
		if err != nil {
			t.Fatal(err)
		}
		b.eventually("the booking", func() bool {
			all, err := b.Refunds.OutsideMoney(ctx, o.ID)
			return err == nil && len(all) == 1
		})
		asker.json("/api/admin/returns/"+c.ID+"/refund", `{"method":"CASH","less_outside":true}`).
			want(t, http.StatusAccepted)
		second.json("/api/admin/queue/approvals/"+asker.waits()[c.ID]+"/approve", `{}`).want(t, 200)
		if r, err := b.Refunds.ByClientReference(ctx, c.ID); err != nil || r.Status != refunds.StatusSucceeded ||
			r.Amount() != unit/2 {
			t.Errorf("%s of %d, want %d; %v", r.Status, r.Amount(), unit/2, err)
		}
	})
}

// TestAnAccountThatTheAskerMadeIsNoSecondPerson: one admin alone could request a refund, give a second
// account of their own a role, and approve it there; and each such account had a day's limit of its own.
func TestAnAccountThatTheAskerMadeIsNoSecondPerson(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, append(settings, "APPROVAL_AMOUNT_PER_DAY=200.00", "APPROVAL_ROLE_DAYS=7")...)
		give := func(by, name string, r auth.Role) (event.Actor, browser) {
			t.Helper()
			u := b.customer(name)
			if _, err := b.Auth.SetRole(t.Context(), auth.User{ID: by}, u.ID, r); err != nil {
				t.Fatal(err)
			}
			return u, b.signInAs(name, "correct horse")
		}
		u, admin := give("the owner", "adm", auth.Admin)
		_, puppet := give(u.ID, "pup", auth.Finance)
		_, second := give("somebody else", "fin", auth.Finance)
		customer := b.customer("ada")
		refund := func(who browser) (id string, a answer) {
			c := b.approved(b.buy(customer, 1)) // 85.79
			return c.ID, who.json("/api/admin/returns/"+c.ID+"/refund", `{"method":"CASH"}`)
		}
		for _, who := range []browser{admin, puppet} {
			_, a := refund(who)
			a.want(t, http.StatusOK)
		}
		_, a := refund(puppet)
		a.want(t, http.StatusAccepted, "with the 171.58 USD that")
		id, a := refund(admin)
		a.want(t, http.StatusAccepted, "with the 171.58 USD that")
		approve := "/api/admin/queue/approvals/" + admin.waits()[id] + "/approve"
		puppet.json(approve, `{}`).want(t, http.StatusForbidden, "SELF_APPROVAL", "You and adm count as one person")
		admin.json(approve, `{}`).want(t, http.StatusForbidden, "SELF_APPROVAL", "You requested this refund")
		list := b.entries("approval.refused")
		if len(list) != 2 || list[0].ActorName != "pup" || list[1].ActorName != "adm" {
			t.Errorf("the refusals in the audit: %+v", list)
		}
		for _, e := range list {
			if e.Details["reason"] != "SELF_APPROVAL" || e.Details["return"] != id ||
				e.SubjectID != admin.waits()[id] {
				t.Errorf("a refusal in the audit: %+v", e)
			}
		}
		second.json(approve, `{}`).want(t, http.StatusOK)
		_, a = refund(second)
		a.want(t, http.StatusOK)
	})
}

// TestAnAdminGivesThemselvesNoRole: who did counted as themselves, whoever had made the account.
func TestAnAdminGivesThemselvesNoRole(t *testing.T) {
	t.Parallel()
	b := open(t)
	admin := b.withRole("adm", auth.Admin)
	u, err := b.Auth.UserByName(t.Context(), "adm")
	if err != nil {
		t.Fatal(err)
	}
	admin.form("/admin/users", url.Values{"user_id": {u.ID}, "role": {"finance"}}).
		want(t, http.StatusBadRequest, "change the role of your own account")
	admin.get("/admin/users?q=adm").want(t, http.StatusOK, "another admin can change yours")
}
