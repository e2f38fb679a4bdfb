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

	"github.com/returnkit/returnkit/internal/sqldb/sqldbtest"
	"github.com/returnkit/returnkit/refserver/internal/drive"
)

// losing is a provider that loses 40 % of its answers to refunds, half of
// them with a cut connection, and half of the refunds done all the same.
const losing = `{"refund":{"drop_after":0.2,"timeout_after":0.1,"timeout_before":0.1}}`

func eachDatabase(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "") })
	t.Run("postgres", func(t *testing.T) { test(t, sqldbtest.PostgresURL(t)) })
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
	eachDatabase(t, func(t *testing.T, url string) {
		w, random := newWorld(t, url), source(t)
		kills := crashes(t, 4)
		started := time.Now()
		for range kills {
			server := w.shop()
			admin := w.staff(server)
			w.approved(admin, 2)
			if err := drive.SetFaults(t.Context(), w.provider.url, losing); err != nil {
				t.Fatal(err)
			}
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
			server.kill()
			cancel()
			<-asked
			if err := drive.SetFaults(t.Context(), w.provider.url, `{}`); err != nil {
				t.Fatal(err)
			}
		}
		server := w.shop()
		w.finish(server)
		server.stop()
		t.Logf("%d kills in %s", kills, time.Since(started).Round(time.Second))
		w.verdict()
	})
}

func TestTwoServersAreAskedForTheSameRefundsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqldbtest.PostgresURL(t))
	first, second := w.shop(), w.shop()
	admin := w.staff(first)
	w.approved(admin, 20)
	refundAll(t.Context(), w.cases, admin, admin.At(second.url))
	w.finish(first)
	first.stop()
	second.stop()
	w.verdict()
}

// A process that is frozen in the middle of its calls for longer than its
// lease finds, when it goes on, that another has taken over, and changes nothing.
func TestAFrozenServerDoesNotOverwriteWhatAnotherFinished(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqldbtest.PostgresURL(t))
	frozen := w.shop()
	admin := w.staff(frozen)
	var asked chan struct{}
	for try := 0; w.inFlight() == 0; try++ {
		if try == 20 {
			t.Fatal("no refund was caught in the middle of its call")
		}
		w.approved(admin, 3)
		if err := drive.SetFaults(t.Context(), w.provider.url, `{"latency_ms":150}`); err != nil {
			t.Fatal(err)
		}
		asked = make(chan struct{})
		go func() {
			refundAll(t.Context(), w.cases[len(w.cases)-3:], admin)
			close(asked)
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		// All of them: a process that is frozen in a transaction holds its locks
		// until the database ends it, half a minute later.
		err := drive.Until(ctx, time.Millisecond, func(context.Context) error {
			if n := w.inFlight(); n < 3 {
				return fmt.Errorf("%d of 3 refunds are under way", n)
			}
			return nil
		})
		cancel()
		frozen.signal(syscall.SIGSTOP)
		if err != nil || w.inFlight() == 0 { // over before it was frozen
			frozen.signal(syscall.SIGCONT)
			<-asked
		}
		if err := drive.SetFaults(t.Context(), w.provider.url, `{}`); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("frozen with %d refunds in the middle of their calls", w.inFlight())
	other := w.shop()
	w.finish(other) // only when the leases of the frozen one have run out
	before := w.versions()
	frozen.signal(syscall.SIGCONT)
	<-asked
	frozen.stop()
	if after := w.versions(); !slices.Equal(before, after) {
		t.Errorf("after the frozen server went on:\n got %v\nwant %v", after, before)
	}
	other.stop()
	w.verdict()
}
