package webhook_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/webhook"
)

func TestAMessageIsSignedAndSaysWhatHappened(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		r := receive(t, nil)
		_, secret := s.add(r.URL)
		s.run(s.hooks.Run, s.events.Run)
		ids := s.buy(1)
		testreq.Until(t, "the event arrives", func() bool { return r.has(ids) })
		got := r.called()[0]
		if !verified(t, secret, got) {
			t.Errorf("the signature is wrong: %v", got.header)
		}
		p := decode(t, got)
		o := p.Data["order"]
		if p.Type != "order.completed" || o["status"] != "COMPLETED" || o["total"] != 19.99 ||
			o["customer_id"] != "ann" ||
			p.Timestamp.IsZero() ||
			got.header.Get("Content-Type") != "application/json" {
			t.Errorf("the payload is %s", got.body)
		}
		for _, internal := range []string{"payment_id", "idempotency", "lease", "token", "terms"} {
			if strings.Contains(string(got.body), internal) {
				t.Errorf("%q is in %s", internal, got.body)
			}
		}
	})
}

// TestBothSecretsSignForADay: after a rotation a receiver may change its secret at any time
// of the day.
func TestBothSecretsSignForADay(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		r := receive(t, nil)
		w, old := s.add(r.URL)
		_, fresh, err := s.hooks.Rotate(t.Context(), w.ID, false)
		if err != nil || fresh == old {
			t.Fatal(err)
		}
		s.run(s.hooks.Run)
		for i, oldSigns := range []bool{true, false} {
			if !oldSigns {
				s.pass(webhook.OldSecretSigns + time.Second)
			}
			if _, err := s.hooks.Ping(t.Context(), w.ID); err != nil {
				t.Fatal(err)
			}
			testreq.Until(t, "the test arrives", func() bool {
				return len(r.called()) == i+1 && s.delivery(w.ID).State == webhook.Delivered
			})
			got := r.called()[i]
			if !verified(t, fresh, got) || verified(t, old, got) != oldSigns {
				t.Errorf("the secret before signs: %v, want %v", !oldSigns, oldSigns)
			}
		}
	})
}

// TestAReceiverThatFailsAndRestartsEndsWithTheLedgersList: 30 % of its answers are failures
// and connections that break, and it is away for a time; three processes send, and two of them
// are stopped and started in between.
// TestADeliveryIsNotHeldByAClockThatWasSetBack: it waited for as long as that was set back.
func TestADeliveryIsNotHeldByAClockThatWasSetBack(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		r := receive(t, nil)
		e, _ := s.add(r.URL)
		s.pass(time.Hour)
		if _, err := s.hooks.Ping(t.Context(), e.ID); err != nil {
			t.Fatal(err)
		}
		s.pass(-time.Hour)
		s.run(s.hooks.Run)
		testreq.Until(t, "the delivery", func() bool { return len(r.called()) == 1 })
	})
}

func TestAReceiverThatFailsAndRestartsEndsWithTheLedgersList(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		var mu sync.Mutex
		away := false
		random := rand.New(rand.NewPCG(1, 2))
		r := receive(t, func(*http.Request) int {
			mu.Lock()
			defer mu.Unlock()
			switch n := random.Float64(); {
			case away || n < 0.2:
				return http.StatusServiceUnavailable
			case n < 0.3:
				panic(http.ErrAbortHandler)
			}
			return http.StatusOK
		})
		s.add(r.URL, "order.completed")
		s.run(s.hooks.Run, s.events.Run)
		var stops []func()
		for range 2 {
			hooks, events := s.replica(webhook.Config{})
			stops = append(stops, s.run(hooks.Run, events.Run))
		}
		want := s.buy(30)
		mu.Lock()
		away = true
		mu.Unlock()
		want = append(want, s.buy(10)...)
		for _, stop := range stops {
			stop()
		}
		mu.Lock()
		away = false
		mu.Unlock()
		hooks, events := s.replica(webhook.Config{})
		s.run(hooks.Run, events.Run)
		want = append(want, s.buy(10)...)
		testreq.Until(t, "all events of the ledger, and no other", func() bool { return r.has(want) })
	})
}

// TestASlowReceiverDelaysNoOther: it holds all its places, and more waits for it.
func TestASlowReceiverDelaysNoOther(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		release := make(chan struct{})
		slow := receive(t, func(*http.Request) int { <-release; return http.StatusOK })
		t.Cleanup(sync.OnceFunc(func() { close(release) }))
		quick := receive(t, nil)
		s.add(slow.URL)
		s.add(quick.URL)
		s.run(s.hooks.Run, s.events.Run)
		ids := s.buy(20)
		testreq.Until(t, "the quick one has all", func() bool { return quick.has(ids) })
		if len(slow.called()) != 0 {
			t.Error("the slow one has answered")
		}
	})
}

// TestASubscriberAddedLaterCatchesUp: from a date, and each event once; a replay sends what
// it has seen again, under the same id.
func TestASubscriberAddedLaterCatchesUp(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.run(s.hooks.Run, s.events.Run)
		// Those that are not fanned out yet would come to who is added later, too.
		first := receive(t, nil)
		s.add(first.URL)
		before := s.buy(3)
		testreq.Until(t, "those before the date are fanned out", func() bool { return first.has(before) })
		since := time.Now()
		ids := s.buy(4)
		r := receive(t, nil)
		w, _, err := s.hooks.Add(t.Context(), webhook.Params{URL: r.URL}, since)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, s.buy(2)...)
		s.replayAll()
		testreq.Until(t, "those since the date", func() bool { return r.has(ids) })
		if _, err := s.hooks.Replay(t.Context(), w.ID, since); err != nil {
			t.Fatal(err)
		}
		s.replayAll()
		testreq.Until(t, "each again", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, id := range ids {
				if r.taken[id] < 2 {
					return false
				}
			}
			return len(r.taken) == len(ids)
		})
		if _, err := s.hooks.Replay(t.Context(), w.ID, time.Now().Add(time.Hour)); err == nil {
			t.Error("a replay from the future was taken")
		}
	})
}

func (s *shop) replayAll() {
	s.t.Helper()
	for {
		more, err := s.hooks.ReplayDue(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if !more {
			return
		}
	}
}

// TestADeliveryIsGivenUpAfterThreeDays: and can be sent again, with all that stands there of
// its last answer.
func TestADeliveryIsGivenUpAfterThreeDays(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		var mu sync.Mutex
		status := http.StatusInternalServerError
		r := receive(t, func(*http.Request) int { mu.Lock(); defer mu.Unlock(); return status })
		w, _ := s.add(r.URL)
		s.run(s.hooks.Run, s.events.Run)
		ids := s.buy(1)
		testreq.Until(t, "it was tried", func() bool { return len(r.called()) > 2 })
		if d := s.delivery(w.ID); d.State != webhook.Waiting || d.LastStatus != 500 || len(d.LastAnswer) != 1024 ||
			d.Attempts == 0 {
			t.Errorf("while it is retried: %+v", d)
		}
		s.pass(webhook.GiveUpAfter - time.Hour)
		n := len(r.called())
		testreq.Until(t, "it is tried to the end", func() bool { return len(r.called()) > n+1 })
		s.pass(time.Hour)
		testreq.Until(t, "it is given up", func() bool { return s.delivery(w.ID).State == webhook.Dead })
		if _, _, dead, err := s.hooks.Pending(t.Context()); err != nil || dead != 1 {
			t.Errorf("%d dead letters, %v", dead, err)
		}
		mu.Lock()
		status = http.StatusOK
		mu.Unlock()
		if err := s.hooks.ResendDead(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		testreq.Until(t, "it arrives", func() bool { return r.has(ids) })
		testreq.Until(t, "it is delivered", func() bool { return s.delivery(w.ID).State == webhook.Delivered })
		if err := s.hooks.ResendDead(t.Context(), w.ID); !errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("without a dead letter: %v", err)
		}
	})
}

// delivery is the newest delivery of an endpoint.
func (s *shop) delivery(id string) webhook.Delivery {
	s.t.Helper()
	list, _, err := s.hooks.Deliveries(s.t.Context(), id, webhook.Query{})
	if err != nil || len(list) == 0 {
		s.t.Fatal(list, err)
	}
	return list[0]
}

func TestRedirectsAreNotFollowedAndGoneDisables(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		target := receive(t, nil)
		moved := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, target.URL, http.StatusTemporaryRedirect)
		})
		redirects := receive(t, nil)
		redirects.Config.Handler = moved
		w, _ := s.add(redirects.URL)
		gone := receive(t, func(*http.Request) int { return http.StatusGone })
		left, _ := s.add(gone.URL)
		s.run(s.hooks.Run)
		for _, id := range []string{w.ID, left.ID} {
			if _, err := s.hooks.Ping(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		testreq.Until(t, "a test is tried once", func() bool { return s.delivery(w.ID).State == webhook.Dead })
		if d := s.delivery(w.ID); d.LastStatus != 307 || !strings.Contains(d.LastError, "redirects") {
			t.Errorf("%+v", d)
		}
		// It is no dead letter, which staff could have sent again.
		if n, err := s.hooks.Counts(t.Context()); err != nil || n[w.ID][webhook.Dead] != 0 {
			t.Errorf("%d dead letters, %v", n[w.ID][webhook.Dead], err)
		}
		testreq.Until(t, "the one that is gone is disabled", func() bool {
			e, err := s.hooks.Endpoint(t.Context(), left.ID)
			return err == nil && !e.Enabled() && e.DisabledWhy != ""
		})
		if _, err := s.hooks.Ping(t.Context(), left.ID); err == nil {
			t.Error("a disabled one was sent a test")
		}
		if len(target.called()) != 0 {
			t.Error("a redirect was followed")
		}
	})
}

// TestADisabledWebhookGetsNothingUntilItIsEnabled: what waited is kept, what happened meanwhile
// comes by a replay, and what is deleted gets nothing at all.
func TestADisabledWebhookGetsNothingUntilItIsEnabled(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		r := receive(t, nil)
		w, _ := s.add(r.URL)
		s.run(s.events.Run)
		before := s.buy(1)
		testreq.Until(
			t,
			"it waits",
			func() bool { n, _, _, err := s.hooks.Pending(t.Context()); return err == nil && n == 1 },
		)
		off := time.Now()
		if _, err := s.hooks.Disable(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		s.run(s.hooks.Run)
		meanwhile := s.buy(1)
		s.settled()
		if _, err := s.hooks.Enable(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		testreq.Until(t, "what waited arrives", func() bool { return r.has(before) })
		if _, err := s.hooks.Replay(t.Context(), w.ID, off); err != nil {
			t.Fatal(err)
		}
		s.replayAll()
		testreq.Until(t, "and the rest", func() bool { return r.has(append(before, meanwhile...)) })
		if err := s.hooks.Delete(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.hooks.Delete(t.Context(), w.ID); !errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("deleted again: %v", err)
		}
		if list, _, err := s.hooks.Deliveries(t.Context(), w.ID, webhook.Query{}); err != nil || len(list) != 0 {
			t.Errorf("it left %v, %v", list, err)
		}
	})
}

// settled waits until all events are fanned out.
func (s *shop) settled() {
	s.t.Helper()
	testreq.Until(s.t, "all is fanned out", func() bool {
		n, _, err := s.events.Pending(s.t.Context())
		return err == nil && n == 0
	})
}

func TestAddressesThatAreNotForWebhooksAreRefused(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		strict, err := webhook.New(webhook.Config{DB: s.db, Secret: []byte("the secret of the shop")})
		if err != nil {
			t.Fatal(err)
		}
		for name, address := range map[string]string{
			"no address": "", "not one": "x", "of another kind": "ftp://example.com", "no host": "https:///x",
			"not encrypted": "http://example.com", "with a password": "https://u:p@example.com/",
			"loopback": "https://127.0.0.1/x", "private": "https://10.0.0.1", "metadata": "https://169.254.169.254/",
			"a host of symbols": "https://<script>alert(1)</script>/", "spaces": "https://a b.example/",
			"no such port": "https://example.com:99999/", "port zero": "https://example.com:0/",
			"a port alone":     "https://:443/",
			"in other clothes": "https://[::ffff:127.0.0.1]/",
			"too long":         "https://example.com/" + strings.Repeat("x", 2000),
		} {
			t.Run(name, func(t *testing.T) {
				var invalid *webhook.Invalid
				_, _, err := strict.Add(t.Context(), webhook.Params{URL: address}, time.Time{})
				if !errors.As(err, &invalid) || invalid.Field != "url" {
					t.Errorf("%q: %v", address, err)
				}
			})
		}
		if _, _, err := strict.Add(t.Context(), webhook.Params{URL: "https://example.com", Types: []string{"x"}},
			time.Time{}); err == nil {
			t.Error("an unknown event was taken")
		}
	})
}

// TestANameThatLeadsToAPrivateAddressIsNotCalled: the connection is judged, whatever the name
// was when it was entered.
func TestANameThatLeadsToAPrivateAddressIsNotCalled(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		r := receive(t, nil)
		address := strings.Replace(r.URL, "127.0.0.1", "localhost", 1)
		w, _ := s.add(address)
		strict, err := webhook.New(webhook.Config{
			DB: s.db, Secret: []byte("the secret of the shop"), Poll: 10 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.run(func(ctx context.Context) { strict.Run(ctx) })
		if _, err := strict.Ping(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		testreq.Until(t, "it fails", func() bool { return s.delivery(w.ID).State == webhook.Dead })
		if d := s.delivery(w.ID); !strings.Contains(d.LastError, "private network") || len(r.called()) != 0 {
			t.Errorf("%+v after %d calls", d, len(r.called()))
		}
	})
}
