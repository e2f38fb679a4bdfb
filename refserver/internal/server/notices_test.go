package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/statements"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/returns"
)

// noticeList is the answer of /api/notifications.
type noticeList struct {
	Notifications []struct {
		ID, Type, Title, Text, URL string
		Read                       bool
	}
	Unread int
}

func (u browser) notices() (n noticeList) {
	u.t.Helper()
	a := u.get("/api/notifications").want(u.t, 200)
	if err := json.Unmarshal([]byte(a.body), &n); err != nil {
		u.t.Fatal(err, a.body)
	}
	return n
}

func (n noticeList) types() (list []string) {
	for _, one := range n.Notifications {
		list = append(list, one.Type)
	}
	return list
}

// notified makes the notices of what has happened.
func (b *bench) notified() {
	b.t.Helper()
	for {
		n, err := b.Notices.Work(b.t.Context(), 50)
		if err != nil {
			b.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// requested is a return of one keyboard of the order that waits for a decision.
func (b *bench) requested(o orders.Order) returns.Return {
	b.t.Helper()
	c, err := b.Returns.Create(
		b.t.Context(),
		event.Actor{Kind: event.ActorCustomer, ID: o.CustomerID, Name: "customer"},
		returns.CreateParams{
			OrderID: o.ID, CustomerID: o.CustomerID, Reason: returns.ReasonDamaged, Details: "broken",
			Items: []returns.RequestItem{{OrderLineID: o.Lines[0].ID, Quantity: 1}},
		},
	)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// fannedOut has the events of an aggregate fanned out.
func (b *bench) fannedOut(stream, id string) {
	b.t.Helper()
	if err := b.Events.DeliverSync(b.t.Context(), stream, id); err != nil {
		b.t.Fatal(err)
	}
}

// TestNoticesTellACustomerAndStaffWhatHappened: each once, to nobody else, by mail too, and
// not by mail to who does not want that.
func TestNoticesTellACustomerAndStaffWhatHappened(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		who := b.customer("ada")
		b.customer("bob")
		ada, bob, admin := b.signInAs("ada", "correct horse"), b.signInAs("bob", "correct horse"), b.signIn()
		before := len(admin.notices().Notifications)
		c := b.approved(b.buy(who, 1))
		byCard := returns.RefundParams{Method: payment.Card}
		if _, _, err := b.Returns.Refund(t.Context(), c.ID, clerk, byCard); err != nil {
			t.Fatal(err)
		}
		b.fannedOut("returns", c.ID)
		b.notified()
		got := ada.notices()
		want := []string{"return.refunded", "return.received", "return.rma_assigned"}
		if !slices.Equal(got.types(), want) || got.Unread != 3 {
			t.Errorf("the customer has %v, %d unread; want %v", got.types(), got.Unread, want)
		}
		rma := b.theCase(c.ID).RMA
		if first := got.Notifications[2]; !strings.Contains(first.Title, rma) || first.URL != "/returns/"+c.ID {
			t.Errorf("the first is %+v", first)
		}
		if n := bob.notices(); len(n.Notifications) != 0 || n.Unread != 0 {
			t.Errorf("another customer has %+v", n)
		}
		if n := len(admin.notices().Notifications); n != before {
			t.Errorf("staff have %d notices of a return that waits for nobody", n-before)
		}

		id := got.Notifications[0].ID
		bob.json("/api/notifications/"+id+"/read", "").want(t, 404)
		ada.json("/api/notifications/"+id+"/read", "").want(t, 200, `"unread":2`)
		ada.json("/api/notifications/"+id+"/read", "").want(t, 200, `"unread":2`)
		ada.get("/notifications").want(t, 200, rma+" is refunded", `data-unread>2<`)
		ada.form("/notifications/"+id+"/read", url.Values{"next": {"//evil.example"}}).want(t, http.StatusFound)
		ada.form("/notifications/read", nil).want(t, http.StatusFound)
		if n := ada.notices(); n.Unread != 0 || len(n.Notifications) != 3 {
			t.Errorf("all are read: %+v", n)
		}

		// Events come again: nothing is doubled. The mails are those of the notices.
		if _, err := b.Mailing.Work(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		mails := admin.get("/dev/mail").want(t, 200, "ada@example.com", "Your return "+rma+" is authorized")
		if n := strings.Count(mails.body, "to ada@example.com"); n != 3 {
			t.Errorf("%d mails for 3 notices", n)
		}
		ada.get("/account").want(t, 200, "E-mail me about my orders", " checked")
		ada.form("/account/mail", url.Values{}).want(t, http.StatusFound)
		other := b.approved(b.buy(who, 1))
		b.fannedOut("returns", other.ID)
		b.notified()
		if n, err := b.Mailing.Work(t.Context(), 10); err != nil || n == 0 {
			t.Fatal(n, err)
		}
		if after := admin.get("/dev/mail"); strings.Count(after.body, "to ada@example.com") != 3 {
			t.Error("who wants no mails gets some")
		}
		if len(ada.notices().Notifications) != 5 {
			t.Error("who wants no mails gets no notices either")
		}
	})
}

// TestStaffAreNotifiedOfWhatWaits: of a return those who decide, of a refund without a certain
// result those who settle it, each as long as it waits.
func TestStaffAreNotifiedOfWhatWaits(t *testing.T) {
	t.Parallel()
	b := open(t)
	who := b.customer("ada")
	support, finance := b.withRole("sue", auth.Support), b.withRole("fay", auth.Finance)
	o := b.buy(who, 1)
	c := b.requested(o)
	b.fannedOut("returns", c.ID)
	b.notified()
	if got := support.notices(); !slices.Equal(got.types(), []string{"return.requested"}) ||
		!strings.Contains(got.Notifications[0].Text, o.Number) {
		t.Errorf("support has %+v", got)
	}
	if got := finance.notices(); len(got.Notifications) != 0 {
		t.Errorf("finance has %+v", got)
	}
	support.get("/admin/returns").want(t, 200, `data-unread>1<`)
}

// TestAnOrderThatWasQueuedTellsHowItEnded: and one that was paid at once does not.
func TestAnOrderThatWasQueuedTellsHowItEnded(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		who := b.customer("ada")
		b.buy(who, 1)
		ada := b.signInAs("ada", "correct horse")
		b.run()
		b.faults(paysim.Faults{Down: true})
		if _, err := b.Orders.SetCartQuantity(t.Context(), who.ID, keyboard, 1); err != nil {
			t.Fatal(err)
		}
		token, err := b.TokenFor("4242424242424242", "12/2099", "Visa")
		if err != nil {
			t.Fatal(err)
		}
		o, err := b.Orders.Checkout(t.Context(), orders.CheckoutRequest{
			Customer: who, Method: payment.Card, Token: token, Source: "test",
		})
		if err != nil || o.Status != orders.StatusQueued {
			t.Fatal(o.Status, err)
		}
		b.faults(paysim.Faults{})
		b.eventually("the customer is notified", func() bool { return ada.notices().Unread == 1 })
		if n := ada.notices().Notifications[0]; n.Type != orders.EventCompleted ||
			!strings.Contains(n.Title, o.Number) {
			t.Errorf("the notice is %+v", n)
		}
	})
}

// TestUnreadNoticesComeLive: over a stream, also when another process has made them.
func TestUnreadNoticesComeLive(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		who := b.customer("ada")
		ada := b.signInAs("ada", "correct horse")
		ada.client.Timeout = 0
		b.run()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/notifications/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := ada.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		next := func() string {
			for lines.Scan() {
				if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
					return data
				}
			}
			t.Fatal("the stream has ended: ", lines.Err())
			return ""
		}
		if got := next(); got != `{"unread":0}` {
			t.Errorf("at first %s", got)
		}
		// A second process on the database, as far as notices go.
		c := b.requested(b.buy(who, 1))
		if _, err := b.Returns.Authorize(t.Context(), c.ID, clerk, ""); err != nil {
			t.Fatal(err)
		}
		if got := next(); got != `{"unread":1}` {
			t.Errorf("then %s", got)
		}
	})
}

// TestLowStockIsNotifiedOncePerCrossing: not for each sale, and again after it has been above.
func TestLowStockIsNotifiedOncePerCrossing(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, append(settings, "LOW_STOCK_THRESHOLD=5")...)
		who := b.customer("ada")
		admin := b.signIn()
		set := func(n int) {
			t.Helper()
			_, err := b.Orders.SaveProduct(
				t.Context(),
				keyboard,
				clerk,
				func(p *orders.Product) error {
					p.Stock = n
					return nil
				},
			)
			if err != nil {
				t.Fatal(err)
			}
		}
		low := func() (n int) {
			t.Helper()
			if err := b.Notices.WatchStock(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, one := range admin.notices().Notifications {
				if one.Type == "product.low_stock" && strings.HasPrefix(one.Title, "Keyboard") {
					n++
				}
			}
			return n
		}
		for _, step := range []struct {
			name  string
			stock int
			want  int
		}{
			{"above", 6, 0}, {"at the threshold", 5, 1}, {"sold further", 3, 1}, {"above again", 9, 1},
			{"sold out", 0, 2}, {"a little", 2, 2},
		} {
			set(step.stock)
			if got := low(); got != step.want {
				t.Errorf("%s: %d notices, want %d", step.name, got, step.want)
			}
		}
		if n := b.signInAs("ada", "correct horse").notices(); len(n.Notifications) != 0 {
			t.Errorf("the customer %s has %v", who.Name, n)
		}
		admin.get("/admin/products?stock=low").want(t, 200, "Keyboard")
		admin.get("/metrics").want(t, 200, "low_stock_products ")
	})
}

// TestManyProductsThatAreLowAreOneNotice: a feed brings thousands.
func TestManyProductsThatAreLowAreOneNotice(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, append(settings, "LOW_STOCK_THRESHOLD=5")...)
		admin := b.signIn()
		low := func(step string, want ...string) {
			t.Helper()
			if err := b.Notices.WatchStock(t.Context()); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, one := range admin.notices().Notifications {
				if one.Type == "product.low_stock" {
					got = append(got, one.Title)
				}
			}
			slices.Reverse(got)
			if strings.Join(got, ", ") != strings.Join(want, ", ") {
				t.Errorf("%s: the notices are %q, want %q", step, got, want)
			}
		}
		_, key := admin.partnerKey("North")
		feed := func(stock int) {
			t.Helper()
			text := "id,name,price,stock\n"
			for i := range 120 {
				text += fmt.Sprintf("p%d,Part %d,1.00,%d\n", i, i, stock)
			}
			browser{b, http.DefaultClient}.send("POST", "/api/partner/ingest", "text/csv", text, "X-API-Key", key).
				want(t, http.StatusOK)
		}
		const webcam = "Webcam is low on stock"
		low("before", webcam)
		feed(3)
		low("after a feed", webcam, "120 products are low on stock")
		low("at the next look", webcam, "120 products are low on stock")
		feed(50)
		low("when there is enough", webcam, "120 products are low on stock")
		feed(0)
		low("sold out", webcam, "120 products are low on stock", "120 products are low on stock")
		if n := admin.notices().Notifications[0]; n.URL != "/admin/products?stock=low" {
			t.Errorf("it leads to %s", n.URL)
		}
	})
}

// TestOwnersAreMailedWhatConcernsTheirSecurity: also those who want no other mail.
func TestOwnersAreMailedWhatConcernsTheirSecurity(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.customer("ada")
	admin, ada := b.signIn(), b.signInAs("ada", "correct horse")
	ada.form("/account/mail", url.Values{}).want(t, http.StatusFound)
	ada.form("/account/password", url.Values{
		"old_password": {"correct horse"}, "new_password": {"gravel sofa turnip"},
		"new_password_again": {"gravel sofa turnip"},
	}).want(t, http.StatusFound)
	b.signInAs("ada", "gravel sofa turnip").setUp(t)
	for {
		n, err := b.Mailing.Work(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	admin.get("/dev/mail").want(t, 200, "Your password was changed", "A second factor was turned on", "ada@example.com")
	admin.get("/admin/mail").want(t, 200, "Your password was changed", "sent")
	ada.get("/admin/mail").want(t, http.StatusFound) // her session ended with the password
}

// TestStatementsPerNotice: the notices of many events, and their mails, take the round trips and
// commits of one.
func TestStatementsPerNotice(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		who := b.customer("ada")
		c := statements.Watch(b.DB)
		for _, n := range []int{1, 3} {
			for range n {
				b.fannedOut("returns", b.approved(b.buy(who, 1)).ID)
			}
			c.Take()
			made, err := b.Notices.Work(t.Context(), 50)
			if err != nil || made != 3*n {
				t.Fatalf("of %d events, %v", made, err)
			}
			// A look, what is due, and in one round trip a lease of each; the events of the cases and
			// of their orders; those that are done, the notices, and in one round trip two mails a case.
			c.Want(t, fmt.Sprintf("notices of %d cases", n), 6+made+2*n, 2)
		}
	})
}
