package paysim

import (
	"bufio"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const childLedger = "PAYSIM_TEST_LEDGER"

// TestChild is not a test of its own: TestNothingIsLostByKill runs it as the
// process to be killed.
func TestChild(t *testing.T) {
	path := os.Getenv(childLedger)
	if path == "" {
		return // this is no child
	}
	sim, err := New(Config{Ledger: path})
	if err != nil {
		t.Fatal(err)
	}
	url, err := sim.Start(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("URL=" + url)
	select {}
}

func TestNothingIsLostByKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	b := start(t, Config{Ledger: path})
	i := b.paid("k", 100_000, "pm_card_visa")
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}

	answered := sync.Map{} // key to refund id, as some caller was answered
	paid := sync.Map{}     // id of a session whose page sent the customer on
	for round := range 5 {
		child := exec.Command(os.Args[0], "-test.run=^TestChild$")
		child.Env = append(os.Environ(), childLedger+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		var url string
		for lines := bufio.NewScanner(out); url == "" && lines.Scan(); {
			_, url, _ = strings.Cut(lines.Text(), "URL=")
		}
		live := &bundle{T: t, url: url, client: newClient(url)}
		var wg sync.WaitGroup
		enough := make(chan struct{}, 1000)
		for w := range 4 {
			wg.Go(func() {
				for n := 0; ; n++ {
					key := fmt.Sprint(round, "-", w, "-", n)
					r, err := live.refund(ctx, key, i.ID, 1)
					if err != nil {
						return // killed
					}
					answered.Store(key, r.ID)
					enough <- struct{}{}
				}
			})
		}
		wg.Go(func() { live.paySessions(round, &paid) })
		for range 20 + 7*round {
			<-enough
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait()
		wg.Wait()
	}

	b = start(t, Config{Ledger: path})
	exists := map[string]string{}
	for _, r := range b.sim.Ledger().Refunds {
		if _, twice := exists[r.Key]; twice {
			t.Errorf("two refunds under key %s", r.Key)
		}
		exists[r.Key] = r.ID
	}
	n := 0
	answered.Range(func(key, id any) bool {
		n++
		if exists[key.(string)] != id.(string) {
			t.Errorf("refund %s under %s was answered and is lost", id, key)
		}
		return true
	})
	// A refund is there together with its key, answered or not.
	for key, id := range exists {
		if r, err := b.refund(ctx, key, i.ID, 1); err != nil || r.ID != id || !replayed(r.LastResponse.Header) {
			t.Errorf("refund %s under %s: sent again gives %v, %v", id, key, r, err)
		}
	}
	if n < 100 {
		t.Errorf("only %d refunds were answered", n)
	}
	b.wantSessionsPaidOnce(&paid)
}

// paySessions makes sessions and pays each, with two clicks at once, until the
// simulator is gone.
func (b *bundle) paySessions(round int, paid *sync.Map) {
	for n := 0; ; n++ {
		c, err := b.client.V1CheckoutSessions.Create(ctx, sessionFor(fmt.Sprint("kill-", round, "-", n), 1000))
		if err != nil {
			return // killed
		}
		var clicks sync.WaitGroup
		for range 2 {
			clicks.Go(func() {
				res, err := browser.PostForm(c.URL, url.Values{"card_number": {"4242424242424242"}})
				if err != nil {
					return
				}
				res.Body.Close()
				if res.StatusCode == http.StatusSeeOther {
					paid.Store(c.ID, true)
				}
			})
		}
		clicks.Wait()
	}
}

// wantSessionsPaidOnce checks that the sessions are complete exactly when they
// were charged, that none was charged twice, and that none is lost.
func (b *bundle) wantSessionsPaidOnce(paid *sync.Map) {
	b.Helper()
	charges := map[string]int{}
	for _, c := range b.sim.Ledger().Charges {
		charges[c.PaymentIntent]++
	}
	complete := map[string]bool{}
	for _, c := range b.sim.state.sessions {
		if n := charges[c.Intent]; n > 1 || (n == 1) != (c.Status == sessionComplete) {
			b.Errorf("session %s is %s with %d charges", c.ID, c.Status, n)
		}
		complete[c.ID] = c.Status == sessionComplete
	}
	n := 0
	paid.Range(func(id, _ any) bool {
		n++
		if !complete[id.(string)] {
			b.Errorf("session %s sent its customer on and is not paid", id)
		}
		return true
	})
	if n < 5 {
		b.Errorf("only %d sessions were paid", n)
	}
}
