package crashtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/e2e/process"
)

// paying is a customer of a shop that has cards entered on the provider's page, whose
// processes are killed around it.
type paying struct {
	*world
	mail   *mailbox
	server *process.Process
	random *rand.Rand

	buyer *client.Client // at the server
	order client.Order
	page  string // where the order is paid; empty while nobody knows it
	stock int    // before the order
}

func newPaying(t *testing.T, url string) *paying {
	t.Helper()
	w, mail := newWorldWithMail(t, url)
	// The addresses to come back to must be the same in each process, as on one host.
	w.settings = append(w.settings, "HOSTED_CHECKOUT=true",
		"PUBLIC_URL=http://127.0.0.1:5000", "PAYMENT_PROVIDER_TIMEOUT=5s")
	p := &paying{world: w, mail: mail, random: source(t)}
	p.restart()
	return p
}

// restart starts a server where there is none.
func (p *paying) restart() {
	p.t.Helper()
	p.server = p.shop()
	p.staff(p.server)
	p.buyer = p.world.buyer.At(p.server.URL)
}

// again is kill -9 and another process.
func (p *paying) again() {
	p.t.Helper()
	p.server.Kill()
	p.restart()
}

// fill puts one unit into an empty cart.
func (p *paying) fill() {
	p.t.Helper()
	ctx := p.t.Context()
	if _, err := p.buyer.Form(ctx, "/cancel_sale", nil); err != nil {
		p.t.Fatal(err)
	}
	if err := p.buyer.AddToCart(ctx, p.product, 1); err != nil {
		p.t.Fatal(err)
	}
	p.page, p.stock = "", p.onHand()
}

func (p *paying) onHand() int {
	p.t.Helper()
	return p.count(fmt.Sprintf("stock FROM ?(rk)products WHERE id = %d", p.product))
}

// newest is the order that the customer made last.
func (p *paying) newest() client.Order {
	p.t.Helper()
	list, err := p.buyer.Orders(p.t.Context())
	if err != nil || len(list) == 0 {
		p.t.Fatalf("%d orders, %v", len(list), err)
	}
	return list[0]
}

// toPage orders the unit; the customer is on the provider's page.
func (p *paying) toPage() {
	p.t.Helper()
	p.fill()
	var err error
	if p.page, err = p.buyer.CheckoutOnPage(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	p.order = p.newest()
}

// sessions are the pages that the provider has for the order.
func (p *paying) sessions(order string) []client.LedgerSession {
	p.t.Helper()
	ledger, err := client.ReadLedger(p.t.Context(), p.provider.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	return slices.DeleteFunc(ledger.Sessions, func(s client.LedgerSession) bool { return s.Order != order })
}

// toNobody kills the shop when the provider has made the page and the shop has not heard of it.
func (p *paying) toNobody() {
	p.t.Helper()
	p.fill()
	ctx := p.t.Context()
	p.faults(`{"charge":{"timeout_after":1}}`)
	asked := make(chan error, 1)
	go func() {
		_, err := p.buyer.CheckoutOnPage(ctx)
		asked <- err
	}()
	var order string
	testreq.UntilEvery(p.t, 10*time.Millisecond, "a page whose making is not answered", func() bool {
		for _, id := range p.rows("SELECT id FROM ?(rk)orders WHERE status = 'submitted'") {
			if len(p.sessions(id)) > 0 {
				order = id
			}
		}
		return order != ""
	})
	p.server.Kill()
	if err := <-asked; err == nil {
		p.t.Fatal("the checkout was answered before the server was killed")
	}
	p.faults(`{}`)
	p.restart()
	if p.order = p.newest(); p.order.ID != order {
		p.t.Fatalf("the newest order is %s, not %s", p.order.ID, order)
	}
}

// told waits until the order's page shows where to pay; a process that was killed in the
// middle of asking for it has left the order leased.
func (p *paying) told() {
	p.t.Helper()
	if p.page != "" {
		return
	}
	testreq.UntilEvery(p.t, 50*time.Millisecond, "the order to have its page", func() bool {
		urls := p.rows("SELECT page_url FROM ?(rk)payments WHERE page_url <> '' AND order_id = '" + p.order.ID + "'")
		if len(urls) == 1 {
			p.page = urls[0]
		}
		return p.page != ""
	})
	a, err := p.buyer.Do(p.t.Context(), http.MethodGet, "/orders/"+p.order.ID, "", nil)
	if err != nil || !bytes.Contains(a.Body, []byte(p.page)) {
		p.t.Errorf("the customer is not shown the page to pay on: %d, %v", a.Status, err)
	}
}

// pay enters a good card on the page, and waits until the provider's message about it is out.
func (p *paying) pay() {
	p.t.Helper()
	p.told()
	before := len(p.mail.about(p.order.ID))
	back, err := client.PayOnPage(p.t.Context(), p.page, client.GoodCard)
	if err != nil {
		p.t.Fatal(err)
	}
	if want := "/orders/" + p.order.ID + "/payment"; back != want {
		p.t.Fatalf("the customer is sent back to %s, not %s", back, want)
	}
	testreq.Until(p.t, "the provider's message", func() bool { return len(p.mail.about(p.order.ID)) > before })
}

// comeBack is the customer who comes back from the page.
func (p *paying) comeBack(ctx context.Context) error {
	a, err := p.buyer.Do(ctx, http.MethodGet, "/orders/"+p.order.ID+"/payment", "", nil)
	if err == nil && a.Status != http.StatusSeeOther {
		err = fmt.Errorf("coming back answers %d %.200s", a.Status, a.Body)
	}
	return err
}

// deliver hands on what the provider has said of the order.
func (p *paying) deliver(ctx context.Context) error {
	at := client.New(p.server.URL, time.Minute)
	defer at.Leave()
	for _, m := range p.mail.about(p.order.ID) {
		a, err := at.Do(ctx, http.MethodPost, "/webhooks/stripe", "application/json", m.body,
			"Stripe-Signature", m.signature)
		if err != nil {
			return err
		}
		if a.Status != http.StatusOK {
			return fmt.Errorf("the message is answered with %d %.200s", a.Status, a.Body)
		}
	}
	return nil
}

// must is for what a shop that runs has to do.
func (p *paying) must(do func(context.Context) error) {
	p.t.Helper()
	if err := do(p.t.Context()); err != nil {
		p.t.Fatalf("%v\n%s", err, p.server.Tail())
	}
}

// settling kills the shop in the middle of what settles the order.
func (p *paying) settling(do ...func(context.Context) error) {
	p.t.Helper()
	p.faults(`{"latency_ms":40}`)
	var busy sync.WaitGroup
	for _, one := range do {
		busy.Go(func() { _ = one(p.t.Context()) }) // the server is killed meanwhile
	}
	<-time.NewTimer(time.Duration(p.random.IntN(120)) * time.Millisecond).C
	p.server.Kill()
	busy.Wait()
	p.faults(`{}`)
	p.restart()
}

// worker lets the shop find out by itself: a minute has passed.
func (p *paying) worker() {
	p.t.Helper()
	p.exec("UPDATE ?(rk)payments SET next_at = (SELECT placed_at FROM ?(rk)orders WHERE id = order_id) " +
		"WHERE next_at IS NOT NULL AND NOT needs_review")
}

// cancel is the customer's button.
func (p *paying) cancel(ctx context.Context) error {
	a, err := p.buyer.Form(ctx, "/orders/"+p.order.ID+"/cancel", nil)
	if err == nil && a.Status != http.StatusFound {
		err = fmt.Errorf("canceling answers %d %.200s", a.Status, a.Body)
	}
	return err
}

// expire ends the page at the provider, as it does itself after its time.
func (p *paying) expire() {
	p.t.Helper()
	id := p.sessions(p.order.ID)[0].ID
	at := client.New(p.provider.URL, time.Minute)
	defer at.Leave()
	a, err := at.Form(p.t.Context(), "/v1/checkout/sessions/"+id+"/expire", nil, "Authorization", "Bearer sk_test_1")
	if err != nil || a.Status != http.StatusOK {
		p.t.Fatalf("%d %s, %v", a.Status, a.Body, err)
	}
}

// ends waits until the order is settled and requires how, and that the provider has one
// page of it in the state that belongs to it.
func (p *paying) ends(want string) {
	p.t.Helper()
	p.until("settled", "SELECT id FROM ?(rk)orders WHERE status IN ('submitted', 'queued')")
	sold, session := 1, "complete"
	if want == "CANCELLED" {
		sold, session = 0, "expired"
	}
	got := p.newest()
	made := p.sessions(p.order.ID)
	if got.ID != p.order.ID || got.Status != want || len(made) != 1 || made[0].Status != session ||
		p.stock-p.onHand() != sold {
		p.t.Errorf("order %s is %s, %d units sold, pages %+v; want %s, %d, one page %s", got.ID, got.Status,
			p.stock-p.onHand(), made, want, sold, session)
	}
	if want == "CANCELLED" && p.page != "" {
		if _, err := client.PayOnPage(p.t.Context(), p.page, client.GoodCard); client.StatusOf(err) != http.StatusGone {
			p.t.Errorf("the page of a canceled order takes a payment: %v", err)
		}
	}
	completions := p.count("COUNT(*) FROM ?(rk)orders_events WHERE type = 'order.completed' AND aggregate_id = '" +
		p.order.ID + "'")
	if want == "COMPLETED" && completions != 1 {
		p.t.Errorf("order %s was completed %d times", got.ID, completions)
	}
}

// pageKills are the moments at which a shop is killed around the provider's page, and what
// happens after it is back.
var pageKills = map[string]func(*paying){
	"the page was made and not answered, then paid": func(p *paying) {
		p.toNobody()
		p.pay()
		p.must(p.comeBack)
		p.ends("COMPLETED")
	},
	"the page was made and not answered, then canceled": func(p *paying) {
		p.toNobody()
		p.told()
		p.must(p.cancel)
		p.ends("CANCELLED")
	},
	"the page was made and not answered, and the cart is sent again": func(p *paying) {
		p.toNobody()
		p.told()
		a, err := p.buyer.Form(p.t.Context(), "/checkout", map[string][]string{"payment_method": {"Card"}})
		if err == nil && a.Status == http.StatusSeeOther && a.Header.Get("Location") != p.page {
			err = errors.New("another page is opened for the same cart")
		}
		if err != nil {
			p.t.Error(err)
		}
		p.pay()
		p.must(p.deliver)
		p.ends("COMPLETED")
	},
	"the customer is on the page, and pays after": func(p *paying) {
		p.toPage()
		p.again()
		p.pay()
		p.must(p.comeBack)
		p.must(p.deliver)
		p.ends("COMPLETED")
	},
	"the customer pays while the shop is down": func(p *paying) {
		p.toPage()
		p.server.Kill()
		p.pay()
		p.restart()
		p.must(p.deliver)
		p.ends("COMPLETED")
	},
	"the customer is on the page, and cancels after": func(p *paying) {
		p.toPage()
		p.again()
		p.must(p.cancel)
		p.ends("CANCELLED")
	},
	"the page expires while the shop is down": func(p *paying) {
		p.toPage()
		p.server.Kill()
		p.expire()
		p.restart()
		p.worker()
		p.ends("CANCELLED")
	},
	"paid, then the customer comes back": func(p *paying) {
		p.toPage()
		p.pay()
		p.again()
		p.must(p.comeBack)
		p.ends("COMPLETED")
	},
	"paid, and neither a message nor the customer arrives": func(p *paying) {
		p.toPage()
		p.pay()
		p.again()
		p.worker()
		p.ends("COMPLETED")
	},
	"paid, and canceled by a customer who did not see it": func(p *paying) {
		p.toPage()
		p.pay()
		p.again()
		_ = p.cancel(p.t.Context()) // whatever it answers, the money decides
		p.ends("COMPLETED")
	},
	"between the message and the customer": func(p *paying) {
		p.toPage()
		p.pay()
		p.must(p.deliver)
		p.again()
		p.must(p.comeBack)
		p.must(p.deliver)
		p.ends("COMPLETED")
	},
	"between the customer and the message": func(p *paying) {
		p.toPage()
		p.pay()
		p.must(p.comeBack)
		p.again()
		p.must(p.deliver)
		p.must(p.comeBack)
		p.ends("COMPLETED")
	},
	"in the middle of both": func(p *paying) {
		p.toPage()
		p.pay()
		p.settling(p.deliver, p.comeBack)
		p.must(p.deliver)
		p.ends("COMPLETED")
	},
	"in the middle of canceling": func(p *paying) {
		p.toPage()
		p.settling(p.cancel)
		p.worker()
		testreq.UntilEvery(p.t, 50*time.Millisecond, "the order to be canceled", func() bool {
			_ = p.cancel(p.t.Context()) // refused while a worker looks, and for one that is canceled
			return p.newest().Status == "CANCELLED"
		})
		p.ends("CANCELLED")
	},
	"in the middle of canceling what is paid": func(p *paying) {
		p.toPage()
		p.pay()
		p.settling(p.cancel, p.deliver)
		p.must(p.deliver)
		p.ends("COMPLETED")
	},
}

// TestTheServerIsKilledAroundTheProvidersPage: an order whose card is entered on the
// provider's page is charged once and completed once, or canceled with its page closed,
// whenever the shop is killed and however it hears of the payment.
func TestTheServerIsKilledAroundTheProvidersPage(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/e2e/crashtest/")
	for name, kill := range pageKills {
		t.Run(name, func(t *testing.T) {
			eachDatabase(t, func(t *testing.T, url string) {
				p := newPaying(t, url)
				kill(p)
				p.server.Stop()
				p.verdict()
			})
		})
	}
}
