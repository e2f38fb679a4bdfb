package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// childOf names the database in the environment of a process that is to be killed.
const childOf = "OWN_DATABASE_TEST_CHILD"

func TestMain(m *testing.M) {
	if address := os.Getenv(childOf); address != "" {
		if err := child(context.Background(), address); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func addresses(t *testing.T) map[string]func(t *testing.T) string {
	t.Helper()
	return map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "shop.db") },
		"postgres": func(t *testing.T) string { return sqlstoretest.PostgresURL(t) },
	}
}

func TestOutput(t *testing.T) {
	const want = `return authorized with RMA RMA-DAY-00001
refund created of 3998 minor units
refund succeeded
refused: returns: ALREADY_RETURNED: order-1: 2 of 3 units of this item are in a return already. You can return up to 1.
returns: 1
rk_returns: 1
refunds: 1
rk_refunds: 1
`
	for name, address := range addresses(t) {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := run(t.Context(), &out, []string{address(t)}); err != nil {
				t.Fatal(err)
			}
			got := regexp.MustCompile(`RMA-\d{8}`).ReplaceAllString(out.String(), "RMA-DAY")
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// child sells and takes back until it is killed. It says when it stands between
// our rows and the shop's, or between the shop's and the commit, and waits there for
// the word to go on.
func child(ctx context.Context, address string) error {
	shop, err := Open(ctx, address, provider{})
	if err != nil {
		return err
	}
	word := bufio.NewReader(os.Stdin)
	shop.between = func() {
		fmt.Println("between")
		if _, err := word.ReadString('\n'); err != nil {
			os.Exit(2) // the test is gone
		}
	}
	for {
		id := uuid.NewString()
		if err := shop.Sell(ctx, Order{ID: id, Customer: "ann", Item: "what?(rk)x", Units: 2, Paid: 1001}); err != nil {
			return err
		}
		r, err := shop.RequestReturn(ctx, id, 1, "what?(rk)x")
		if err != nil {
			return err
		}
		if _, err := shop.RequestRefund(ctx, r.ID); err != nil {
			return err
		}
	}
}

// TestKills kills the process between our request and the shop's insert, or between
// the insert and the commit, and, on every other round, a moment after it was let go
// on: somewhere in our statements, the commit, or what follows. Both rows are there, or
// neither.
func TestKills(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	for name, address := range addresses(t) {
		t.Run(name, func(t *testing.T) {
			at := address(t)
			shop, err := Open(t.Context(), at, provider{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := shop.Close(); err != nil {
					t.Error(err)
				}
			}()
			for i := range rounds {
				killed(t, at, 1+rand.IntN(8), i%2 == 0)
				audit(t, shop)
				if t.Failed() {
					t.Fatalf("after %d kills", i+1)
				}
			}
			var n int
			err = shop.pool.QueryRowContext(t.Context(), "SELECT count(*) FROM rk_returns").Scan(&n)
			if err != nil || n < rounds/2 {
				t.Errorf("%d returns were filed in %d rounds, %v", n, rounds, err)
			}
		})
	}
}

// killed starts a process, and kills it when it stands between for the nth time,
// or a moment after that.
func killed(t *testing.T, address string, nth int, exactly bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childOf+"="+address)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for i := 1; i <= nth && lines.Scan(); i++ {
		if lines.Text() != "between" {
			t.Errorf("the process said %q", lines.Text())
			break
		}
		if i < nth || !exactly {
			fmt.Fprintln(in, "go on")
		}
	}
	if !exactly {
		// The moment: what it takes to look at the process a few times.
		for range rand.IntN(300) {
			_ = cmd.Process.Signal(syscall.Signal(0))
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}

// audit counts what is of one side only, each by one statement: on PostgreSQL
// the server may still be executing what a killed process has sent.
func audit(t *testing.T, shop *Shop) {
	t.Helper()
	for what, query := range map[string]string{
		"returns of one side": `SELECT count(*) FROM returns AS a FULL JOIN rk_returns AS b ON b.id = a.id
			WHERE a.id IS NULL OR b.id IS NULL`,
		"refunds of one side": `SELECT count(*) FROM refunds AS a FULL JOIN rk_refunds AS b ON b.id = a.id
			WHERE a.id IS NULL OR b.id IS NULL`,
		"returns without their events": `SELECT count(*) FROM returns AS a
			WHERE NOT EXISTS (SELECT 1 FROM rk_returns_events AS e WHERE e.aggregate_id = a.id)`,
		"refunds without their events": `SELECT count(*) FROM refunds AS a
			WHERE NOT EXISTS (SELECT 1 FROM rk_refunds_events AS e WHERE e.aggregate_id = a.id)`,
		"units claimed by no return": `SELECT count(*) FROM rk_return_units AS u WHERE u.claimed <>
			(SELECT coalesce(sum(a.units), 0) FROM returns AS a WHERE a.order_id = u.order_id)`,
		"payments that reserve what no refund has": `SELECT count(*) FROM rk_refund_balance AS b WHERE NOT EXISTS
			(SELECT 1 FROM refunds AS f JOIN returns AS a ON a.id = f.return_id WHERE a.order_id = b.order_id)`,
	} {
		var n int
		if err := shop.pool.QueryRowContext(t.Context(), query).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d, %v", what, n, err)
		}
	}
}
