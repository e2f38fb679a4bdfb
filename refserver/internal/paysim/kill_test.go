package paysim

import (
	"bufio"
	"fmt"
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

	told := sync.Map{} // key to refund id, as some caller was told
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
					told.Store(key, r.ID)
					enough <- struct{}{}
				}
			})
		}
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
	told.Range(func(key, id any) bool {
		n++
		if exists[key.(string)] != id.(string) {
			t.Errorf("refund %s under %s was told and is lost", id, key)
		}
		return true
	})
	// A refund is there together with its key, told or not.
	for key, id := range exists {
		if r, err := b.refund(ctx, key, i.ID, 1); err != nil || r.ID != id || !replayed(r.LastResponse.Header) {
			t.Errorf("refund %s under %s: sent again gives %v, %v", id, key, r, err)
		}
	}
	if n < 100 {
		t.Errorf("only %d refunds were told", n)
	}
}
