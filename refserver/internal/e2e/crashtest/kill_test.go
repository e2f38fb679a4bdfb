package crashtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/e2e/apptest"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/e2e/process"
)

// losing is a provider that loses 40 % of its answers to refunds, half of
// them with a cut connection, and half of the refunds done all the same.
const losing = `{"refund":{"drop_after":0.2,"timeout_after":0.1,"timeout_before":0.1}}`

// eachDatabase runs a test on both databases, beside the others: most of it is waiting.
func eachDatabase(t *testing.T, test func(t *testing.T, url string)) {
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{
		"sqlite": func(testing.TB) string { return "" }, "postgres": apptest.PostgresURL,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, url(t))
		})
	}
}

// source is a random source whose seed is printed, and taken from SEED.
func source(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("SEED=%q; a whole number is allowed", text)
		}
	}
	t.Logf("SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, seed))
}

func TestTheServerIsKilledInTheMiddleOfRefundsAndEachIsPaidOnce(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/e2e/crashtest/", "CRASHES")
	eachDatabase(t, func(t *testing.T, url string) {
		w, random := newWorld(t, url), source(t)
		kills := crashes(t, 3)
		started := time.Now()
		for range kills {
			server := w.shop()
			admin := w.staff(server)
			w.approved(admin, 2)
			w.faults(losing)
			ctx, cancel := context.WithCancel(t.Context())
			asked := make(chan struct{})
			go func() {
				refundAll(ctx, w.cases[max(0, len(w.cases)-6):], admin)
				close(asked)
			}()
			timer := time.NewTimer(time.Duration(random.IntN(400)) * time.Millisecond)
			select {
			case <-timer.C:
			case <-asked:
			}
			server.Kill()
			cancel()
			<-asked
			w.faults(`{}`)
		}
		server := w.shop()
		w.finish(server)
		server.Stop()
		t.Logf("%d kills in %s", kills, time.Since(started).Round(time.Second))
		w.verdict()
	})
}

func TestTwoServersAreAskedForTheSameRefundsAtOnce(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/e2e/crashtest/")
	t.Parallel()
	w := newWorld(t, apptest.PostgresURL(t))
	first, second := w.shop(), w.shop()
	admin := w.staff(first)
	w.approved(admin, 20)
	refundAll(t.Context(), w.cases, admin, admin.At(second.URL))
	w.finish(first)
	first.Stop()
	second.Stop()
	w.verdict()
}

// frozen is a server that was stopped in the middle of its calls, and what was
// asked of it: closed when nobody waits for an answer any more.
type frozen struct {
	*process.Process
	admin *client.Client
	asked chan struct{}
	cases []string
}

// freeze stops a server that has just sent refunds to a provider with the
// faults, and frees the provider from them.
func (w *world) freeze(faults string) frozen {
	w.t.Helper()
	f := frozen{Process: w.shop()}
	f.admin = w.staff(f.Process)
	for try := 0; w.inFlight() == 0; try++ {
		if try == 20 {
			w.t.Fatal("no refund was caught in the middle of its call")
		}
		w.approved(f.admin, 3)
		w.faults(faults)
		f.asked, f.cases = make(chan struct{}), w.cases[len(w.cases)-3:]
		go func() {
			refundAll(w.t.Context(), f.cases, f.admin)
			close(f.asked)
		}()
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		// All of them: a process that is frozen in a transaction holds its locks
		// until the database ends it, half a minute later.
		err := client.Until(ctx, time.Millisecond, func(context.Context) error {
			if n := w.inFlight(); n < 3 {
				return fmt.Errorf("%d of 3 refunds are under way", n)
			}
			return nil
		})
		cancel()
		f.Signal(syscall.SIGSTOP)
		if err != nil || w.inFlight() == 0 { // over before it was frozen
			f.Signal(syscall.SIGCONT)
			<-f.asked
		}
		w.faults(`{}`)
	}
	w.t.Logf("frozen with %d refunds in the middle of their calls", w.inFlight())
	return f
}

// goOn lets it go on and end, and asserts that nothing has changed by that.
func (f frozen) goOn(w *world) {
	w.t.Helper()
	before := w.versions()
	f.Signal(syscall.SIGCONT)
	<-f.asked
	f.Stop()
	if after := w.versions(); !slices.Equal(before, after) {
		w.t.Errorf("after the frozen server continued:\n got %v\nwant %v", after, before)
	}
}

func (w *world) faults(plan string) {
	w.t.Helper()
	if err := client.SetFaults(w.t.Context(), w.provider.URL, plan); err != nil {
		w.t.Fatal(err)
	}
}

// A process that is frozen in the middle of its calls for longer than its
// lease finds, when it continues, that another has taken over, and changes nothing.
func TestAFrozenServerDoesNotOverwriteWhatAnotherFinished(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/e2e/crashtest/")
	t.Parallel()
	w := newWorld(t, apptest.PostgresURL(t))
	frozen := w.freeze(`{"latency_ms":150}`)
	other := w.shop()
	w.finish(other) // only when the leases of the frozen one have run out
	frozen.goOn(w)
	other.Stop()
	w.verdict()
}

// Here the state machine would let it: the refunds are open, but what is open
// is the attempt after the one that the frozen server sent.
func TestAFrozenServerDoesNotAnswerForTheAttemptAfterItsOwn(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/e2e/crashtest/")
	t.Parallel()
	w := newWorld(t, apptest.PostgresURL(t))
	frozen := w.freeze(`{"latency_ms":150,"refund":{"error_4xx":1}}`)
	w.faults(`{"refund":{"error_4xx":1}}`)
	other := w.shop()
	w.until("the refusal of all", "SELECT id FROM ?(rk)refunds WHERE status <> 'failed'")
	w.faults(`{"refund":{"timeout_before":1}}`)
	refundAll(t.Context(), frozen.cases, w.staff(other))
	w.until(
		"a second attempt of each, sent and not answered",
		"SELECT r.id FROM ?(rk)refunds r WHERE status <> 'unknown' OR NOT EXISTS (SELECT 1 FROM "+
			"?(rk)refund_attempts a WHERE a.refund_id = r.id AND a.number = 2)",
	)
	other.Stop()

	w.exec("UPDATE ?(rk)refunds SET next_at = now() + interval '1 hour'") // nobody has a reason to touch them
	frozen.goOn(w)
	w.exec("UPDATE ?(rk)refunds SET next_at = now()")
	w.faults(`{}`)
	last := w.shop()
	w.finish(last)
	last.Stop()
	w.verdict()
}
