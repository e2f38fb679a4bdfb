package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest"
)

// childOf names the folder of the shop in the environment of a process that is to
// be killed.
const childOf = "OWN_ORDERS_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childOf); dir != "" {
		if err := child(context.Background(), dir); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const output = `asked the bank for 3998 cents: refund pending, case approved
the bank paid: case refunded, restocked true, 2 units on the shelf
mail to ada: Your refund for order 1001 is paid.
`

func TestOutput(t *testing.T) {
	for name, args := range map[string][]string{"memory": nil, "sqlite": {filepath.Join(t.TempDir(), "shop.db")}} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := run(t.Context(), &out, args); err != nil || out.String() != output {
				t.Errorf("%v, got\n%s\nwant\n%s", err, out.String(), output)
			}
		})
	}
}

// books opens an empty Book of each kind.
func books(t *testing.T) map[string]func(t *testing.T) Book {
	t.Helper()
	open := func(address func(t *testing.T) string) func(t *testing.T) Book {
		return func(t *testing.T) Book {
			shop, err := Open(t.Context(), address(t), &Bank{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := shop.Close(); err != nil {
					t.Error(err)
				}
			})
			err = shop.Book.Sell(
				t.Context(),
				Order{Number: 7, Customer: "ada", SKU: "a/b", Units: 2, Cents: 100, Account: "x"},
			)
			if err != nil {
				t.Fatal(err)
			}
			return shop.Book
		}
	}
	return map[string]func(t *testing.T) Book{
		"memory": open(func(*testing.T) string { return "" }),
		"sqlite": open(func(t *testing.T) string { return filepath.Join(t.TempDir(), "shop.db") }),
	}
}

// TestBooks holds the shop's own code to what package returns needs of it.
func TestBooks(t *testing.T) {
	for name, open := range books(t) {
		t.Run(name, func(t *testing.T) {
			returnstest.TestOrders(t, func(t *testing.T) returnstest.OrdersUnderTest {
				return returnstest.OrdersUnderTest{
					Orders: open(t), Completed: "7", Lines: 1, ProviderMethods: []payment.Method{byBank},
				}
			})
			returnstest.TestRestocker(t, func(t *testing.T) returnstest.RestockerUnderTest {
				b := open(t)
				return returnstest.RestockerUnderTest{Restocker: b, ProductID: "a/b", Stock: func(t *testing.T) int {
					units, err := b.Stock(t.Context(), "a/b")
					if err != nil {
						t.Error(err)
					}
					return units
				}}
			})
		})
	}
}

func rounds() int {
	if testing.Short() {
		return 5
	}
	return 50
}

// open opens the shop and the bank of a folder.
func open(ctx context.Context, dir string) (*Shop, *Bank, error) {
	bank, err := OpenBank(filepath.Join(dir, "bank.txt"))
	if err != nil {
		return nil, nil, err
	}
	shop, err := Open(ctx, filepath.Join(dir, "shop.db"), bank)
	return shop, bank, err
}

// child sells, takes back and pays back until it is killed. It says when it stands
// between a refund and its case, and waits there for the word to go on.
func child(ctx context.Context, dir string) error {
	shop, bank, err := open(ctx, dir)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	word := bufio.NewReader(os.Stdin)
	shop.between = func() {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println("between")
		if _, err := word.ReadString('\n'); err != nil {
			os.Exit(2) // the test is gone
		}
	}
	failed := make(chan error, 1)
	go func() { failed <- shop.Run(ctx) }() // takes up what the one before left
	for {
		o := Order{
			Number: time.Now().UnixNano(), Customer: "ada", SKU: "lamp/brass", Units: 3, Cents: 1000,
			Account: "account-7",
		}
		if err := shop.sellAndRefund(ctx, bank, o, 2); err != nil {
			return err
		}
		select {
		case err := <-failed:
			return err
		default:
		}
	}
}

// sellAndRefund takes an order through its return, to the bank's message.
func (s *Shop) sellAndRefund(ctx context.Context, bank *Bank, o Order, units int) error {
	if err := s.Book.Sell(ctx, o); err != nil {
		return err
	}
	r, err := s.TakeBack(ctx, o, units)
	if err != nil {
		return err
	}
	_, refund, err := s.Returns.Refund(ctx, r.ID, clerk, returns.RefundParams{})
	if err != nil {
		return err
	}
	for _, m := range bank.Execute() {
		if m.RefundID == refund.ID {
			return s.BankSays(ctx, m)
		}
	}
	return nil // unknown yet: the worker asks the bank
}

// TestKills kills the process between a refund and its case, and, on every other
// round, a moment after it was let go on. Then one that is not killed brings all to
// its end.
func TestKills(t *testing.T) {
	dir := t.TempDir()
	for i := range rounds() {
		killed(t, dir, 1+rand.IntN(4), i%2 == 0)
		if t.Failed() {
			t.Fatalf("after %d kills", i+1)
		}
	}
	shop, bank, err := open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- shop.Run(ctx) }()
	testreq.Until(t, "all refunds end, and are followed", func() bool {
		for _, m := range bank.Execute() {
			if err := shop.BankSays(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		n, _, err := shop.events.Pending(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n == 0 && len(all(t, shop, refunds.StatusSucceeded)) == len(all(t, shop))
	})
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := audit(t, shop, bank); n < rounds()/2 {
		t.Errorf("%d refunds in %d rounds; the kills came too early", n, rounds())
	}
	if err := shop.Close(); err != nil {
		t.Error(err)
	}
}

// killed starts a process, and kills it when it stands between for the nth time,
// or a moment after that.
func killed(t *testing.T, dir string, nth int, exactly bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childOf+"="+dir)
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

// all are the refunds in a status, or all.
func all(t *testing.T, shop *Shop, status ...refunds.Status) []refunds.Refund {
	t.Helper()
	var list []refunds.Refund
	for page := 1; ; page++ {
		some, n, err := shop.Refunds.List(t.Context(), refunds.Query{Status: status, Page: page, PageSize: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if list = append(list, some...); len(list) >= n || len(some) == 0 {
			return list
		}
	}
}

// audit checks that every refund was paid once, that its case is refunded and its
// units are on the shelf once, and that each customer got a mail. It returns how many
// there are.
func audit(t *testing.T, shop *Shop, bank *Bank) int {
	t.Helper()
	paid := map[string]int{}
	for _, transfer := range bank.Transfers() {
		paid[transfer.RefundID]++
	}
	mails, err := shop.Book.Mails(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mailed := map[string]int{}
	for _, m := range mails {
		mailed[m.Return]++
	}
	units := 0
	list := all(t, shop)
	for _, f := range list {
		r, err := shop.Returns.Return(t.Context(), f.ClientReference)
		if err != nil {
			t.Fatal(err)
		}
		if f.Status != refunds.StatusSucceeded || paid[f.ID] != 1 || r.Status != returns.StatusRefunded ||
			!r.Restocked ||
			mailed[r.ID] == 0 {
			t.Errorf("refund %s is %s and paid %d times; its case is %s, restocked %v, with %d mails",
				f.ID, f.Status, paid[f.ID], r.Status, r.Restocked, mailed[r.ID])
		}
		for _, l := range r.Lines {
			units += l.Accepted
		}
	}
	if len(paid) != len(list) {
		t.Errorf("the bank paid %d refunds, the shop knows %d", len(paid), len(list))
	}
	if got, err := shop.Book.Stock(t.Context(), "lamp/brass"); err != nil || got != units {
		t.Errorf("%d units are on the shelf, %v; %d were accepted", got, err, units)
	}
	return len(list)
}

// TestCutsInMemory lets the follow-up of each refund die once, in the shop that
// has no database.
func TestCutsInMemory(t *testing.T) {
	bank := &Bank{}
	shop, err := Open(t.Context(), "", bank)
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	for i := range rounds() {
		o := Order{
			Number:   int64(i + 1),
			Customer: "ada",
			SKU:      "lamp/brass",
			Units:    3,
			Cents:    1000,
			Account:  "account-7",
		}
		calls.Store(0)
		shop.between = func() {
			if calls.Add(1) == 2 { // the first is the answer of Refund
				panic("cut off")
			}
		}
		if err := shop.sellAndRefund(t.Context(), bank, o, 2); err == nil {
			t.Fatal("the cut was hidden")
		}
	}
	shop.between = func() {}
	for _, m := range bank.Execute() {
		if err := shop.BankSays(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if n := audit(t, shop, bank); n != rounds() {
		t.Errorf("%d refunds, want %d", n, rounds())
	}
}
