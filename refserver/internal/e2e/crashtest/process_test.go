package crashtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/e2e/invariants"
	"github.com/returnkit/returnkit/refserver/internal/e2e/process"
	"github.com/returnkit/returnkit/refserver/internal/testlog"
)

// crashes is how many times a test kills: full where CRASHES says so.
func crashes(t testing.TB, short int) int {
	t.Helper()
	return int(testreq.Number(t, "CRASHES", int64(short)))
}

func TestMain(m *testing.M) { process.Main(m) }

// launch starts the server with a command and settings and waits for the
// address it prints; nil when it ended before. It is killed with the test.
func launch(t testing.TB, dir string, args []string, settings ...string) *process.Process {
	t.Helper()
	cmd := exec.Command(process.Binary(t), append(args, "--env-file", filepath.Join(dir, "no.env"))...)
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "PORT=0", "HOST=127.0.0.1", "LOG_LEVEL=" + testlog.Level("warn"),
	}, settings...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := process.Start(t, cmd)
	t.Cleanup(p.Kill)
	if !p.Open() {
		return nil
	}
	return p
}

// world is a shop's surroundings that outlive its processes: the database, the
// provider, and the people.
type world struct {
	t            testing.TB
	dir          string
	settings     []string
	provider     *process.Process
	database     sqlstore.Config
	reader       *sqlstore.DB   // see rows
	admin, buyer *client.Client // at no address in particular
	product      int64
	cases        []string
}

// newWorld starts a provider of its own, which keeps its ledger in a file. url
// is PostgreSQL's; empty is SQLite.
func newWorld(t testing.TB, url string) *world {
	t.Helper()
	return newWorldWith(t, url, "--ledger", filepath.Join(t.TempDir(), "ledger.jsonl"))
}

// newWorldWith is newWorld with other arguments for the provider.
func newWorldWith(t testing.TB, url string, provider ...string) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, dir: dir, database: sqlstore.Config{URL: url, File: filepath.Join(dir, "data", "returnkit.db")}}
	w.provider = launch(t, dir, append([]string{"paysim", "--addr", "127.0.0.1:0"}, provider...))
	if w.provider == nil {
		t.Fatal("the payment simulator did not start")
	}
	w.settings = []string{
		"DATA_DIR=" + filepath.Join(
			dir,
			"data",
		), "PAYMENT_PROVIDER_URL=" + w.provider.URL, "PAYMENT_PROVIDER_TIMEOUT=200ms",
		"BREAKER_FAILURE_THRESHOLD=1000", "THROTTLING_MAX_RPS=100000",
	}
	if url != "" {
		w.settings = append(w.settings, "DATABASE_URL="+url)
	}
	return w
}

// shop starts a server on the world and waits until it is ready.
func (w *world) shop() *process.Process {
	w.t.Helper()
	ctx, cancel := testreq.Context(w.t)
	defer cancel()
	var p *process.Process
	err := client.Until(ctx, 50*time.Millisecond, func(ctx context.Context) error {
		if p = launch(w.t, w.dir, []string{"serve"}, w.settings...); p == nil {
			return fmt.Errorf("the server ended while it started")
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	err = client.Until(ctx, 20*time.Millisecond, func(ctx context.Context) error {
		_, err := client.New(p.URL, 2*time.Second).Call(ctx, "/health/ready", nil, nil)
		return err
	})
	if err != nil {
		w.t.Fatalf("%v\n%s", err, p.Tail())
	}
	return p
}

// staff is the super admin at a server.
func (w *world) staff(p *process.Process) *client.Client {
	w.t.Helper()
	if w.admin == nil {
		w.admin = client.New(p.URL, time.Minute)
		err := w.admin.SignIn(w.t.Context(), "super_admin", "super_admin_92587")
		if err != nil {
			w.t.Fatal(err)
		}
		if w.buyer, err = w.admin.Customer(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		product, err := w.admin.NewProduct(w.t.Context(), "Crash lamp", "19.99", 100_000)
		if err != nil {
			w.t.Fatal(err)
		}
		w.product = product
	}
	return w.admin.At(p.URL)
}

// approved makes n cases of one unit each, bought by card and approved.
func (w *world) approved(admin *client.Client, n int) {
	w.t.Helper()
	w.approvedWith(admin, n, "")
}

// approvedWith is approved, with store credit that pays a part first.
func (w *world) approvedWith(admin *client.Client, n int, credit string) {
	w.t.Helper()
	ctx, buyer := w.t.Context(), w.buyer.Beside(admin)
	for range n {
		id, err := func() (string, error) {
			if err := buyer.AddToCart(ctx, w.product, 1); err != nil {
				return "", err
			}
			if _, err := buyer.CheckoutWith(ctx, credit, client.GoodCard, ""); err != nil {
				return "", err
			}
			o, err := w.completed(buyer)
			if err != nil {
				return "", err
			}
			c, err := buyer.RequestReturn(ctx, o.ID, o.Items[0].ID, 1)
			if err != nil {
				return "", err
			}
			c, err = admin.Approve(ctx, c.ID)
			return c.ID, err
		}()
		if err != nil {
			w.t.Fatalf("making a case: %v", err)
		}
		w.cases = append(w.cases, id)
	}
}

// completed is the newest order, once it is completed: on a busy machine the
// provider may answer after its time, and the order is queued first.
func (w *world) completed(buyer *client.Client) (o client.Order, err error) {
	ctx, cancel := testreq.Context(w.t)
	defer cancel()
	return o, client.Until(ctx, 50*time.Millisecond, func(ctx context.Context) error {
		orders, err := buyer.Orders(ctx)
		if err != nil {
			return err
		}
		if len(orders) == 0 || orders[0].Status != "COMPLETED" {
			return errors.New("the newest order is not completed")
		}
		o = orders[0]
		return nil
	})
}

// refundAll asks for the refund of each case at once, at each of the servers,
// and does not care for the answers.
func refundAll(ctx context.Context, cases []string, at ...*client.Client) {
	var group sync.WaitGroup
	for _, id := range cases {
		for _, c := range at {
			group.Go(func() { _, _, _ = c.Refund(ctx, id, "") })
		}
	}
	group.Wait()
}

// finish waits until every case is refunded, asking again as staff would, and
// its units are back on the shelf.
func (w *world) finish(p *process.Process) {
	w.t.Helper()
	ctx, cancel := testreq.Context(w.t)
	defer cancel()
	admin := w.staff(p)
	open := w.cases
	err := client.Until(ctx, 200*time.Millisecond, func(ctx context.Context) error {
		var still []string
		for _, id := range open {
			c, err := admin.Case(ctx, id)
			if err != nil || c.Status != "REFUNDED" {
				still = append(still, id)
			}
		}
		open = still
		if len(open) == 0 {
			return nil
		}
		refundAll(ctx, open[:min(len(open), 32)], admin)
		return fmt.Errorf("%d of %d cases are not refunded, such as %s", len(open), len(w.cases), open[0])
	})
	if err != nil {
		w.t.Errorf("%v\n%s", err, p.Tail()) // the audit says what is wrong
		return
	}
	// A case is refunded before its units are back on the shelf. Where the
	// request that refunds could not put them there, a delivery does.
	w.until("restocked", "SELECT id FROM ?(rk)returns WHERE status = 'refunded' AND NOT restocked")
}

// verdict audits the database and the provider's ledger. The shop has stopped.
func (w *world) verdict() {
	w.t.Helper()
	ledger, err := client.ReadLedger(w.t.Context(), w.provider.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	db, err := sqlstore.OpenConfig(w.t.Context(), w.database)
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	found, err := invariants.Check(w.t.Context(), db, ledger)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, violation := range found {
		w.t.Error(violation)
	}
	var restocks int
	if err := db.Reader().NewRaw("SELECT COUNT(*) FROM ?(rk)stock_movements WHERE kind = 'restock'").
		Scan(w.t.Context(), &restocks); err != nil {
		w.t.Fatal(err)
	}
	if restocks != len(w.cases) || len(ledger.Refunds) != len(w.cases) {
		w.t.Errorf("%d cases, %d refunds at the provider, %d restocks", len(w.cases), len(ledger.Refunds), restocks)
	}
	w.t.Logf(
		"%d cases: %d refunds at the provider, %d restocks, %d violations",
		len(w.cases),
		len(ledger.Refunds),
		restocks,
		len(found),
	)
}
