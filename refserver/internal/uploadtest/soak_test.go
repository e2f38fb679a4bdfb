//go:build linux

package uploadtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/e2e/process"
)

// sample is what the shop holds at an instant.
type sample struct {
	at         time.Duration
	goroutines float64
	heap       float64 // bytes that live, by the collector's next goal, which is twice as much
	resident   float64
}

// look asks the shop's own metrics.
func (p *shop) look(since time.Time) (sample, error) {
	res, err := http.Get(p.URL + "/metrics")
	if err != nil {
		return sample{}, err
	}
	defer res.Body.Close()
	s := sample{at: time.Since(since)}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		to := map[string]*float64{"go_goroutines": &s.goroutines, "go_memstats_next_gc_bytes": &s.heap,
			"process_resident_memory_bytes": &s.resident}[name]
		if to == nil {
			continue
		}
		if *to, err = strconv.ParseFloat(value, 64); err != nil {
			return s, fmt.Errorf("%s: %w", lines.Text(), err)
		}
	}
	s.heap /= 2
	if s.goroutines == 0 || s.heap == 0 || s.resident == 0 {
		return s, errors.Join(fmt.Errorf("%s does not tell: %+v", res.Status, s), lines.Err())
	}
	return s, nil
}

// growth is by how much a figure grew from the first of the samples to the last,
// by the median slope of all pairs, which no single peak changes (Theil and Sen).
func growth(samples []sample, of func(sample) float64) float64 {
	var slopes []float64
	for i, a := range samples {
		for _, b := range samples[i+1:] {
			slopes = append(slopes, (of(b)-of(a))/(b.at-a.at).Seconds())
		}
	}
	if len(slopes) == 0 {
		return 0
	}
	slices.Sort(slopes)
	return slopes[len(slopes)/2] * (samples[len(samples)-1].at - samples[0].at).Seconds()
}

// soakFor is how long the soak lasts: SOAK says it, such as 15m.
func soakFor(t *testing.T) (lasts time.Duration, long bool) {
	t.Helper()
	text := os.Getenv("SOAK")
	if text == "" {
		return 4 * time.Second, false
	}
	lasts, err := time.ParseDuration(text)
	if err != nil || lasts < time.Minute {
		t.Fatalf("SOAK=%q; a time of a minute or more is allowed, such as 15m", text)
	}
	return lasts, true
}

// soak is a shop in use, by people who do not always behave.
type soak struct {
	p       *shop
	ctx     context.Context
	admin   *client.Client
	product int64
	photo   []byte
	jobs    atomic.Int64
	busy    atomic.Int64 // answered that the shop is busy, as it may be on a slow machine
}

// TestASoakLeaksNothing has people buy, return and be paid back, look at
// dashboards, fail to sign in and break off, all day long: neither memory nor
// goroutines grow, and when they have left, what served them is gone.
func TestASoakLeaksNothing(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/uploadtest/", "SOAK")
	lasts, long := soakFor(t)
	dir := dataDir(t)
	provider := process.Start(t, exec.Command(process.Binary(t), "paysim", "--addr", "127.0.0.1:0",
		"--ledger", filepath.Join(dir, "ledger.jsonl"), "--env-file", filepath.Join(dir, "none"))).MustOpen()
	s := &soak{
		p:     launch(t, "PAYMENT_PROVIDER_URL="+provider.URL, "TRUSTED_PROXIES=127.0.0.1"),
		photo: progressive(800, 600, 2),
	}
	ctx, cancel := context.WithTimeout(t.Context(), lasts+testreq.Patience(t))
	defer cancel()
	s.ctx, s.admin = ctx, client.New(s.p.URL, testreq.Patience(t))
	if err := s.admin.SignIn(ctx, "super_admin", "super_admin_92587"); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.product, err = s.admin.NewProduct(ctx, "Soak lamp", "19.99", 1_000_000); err != nil {
		t.Fatal(err)
	}
	s.people(t, 1, func(n int) bool { return n < 2 }) // caches and pools are filled
	s.admin.Leave()
	quiet, err := s.p.look(time.Now())
	if err != nil {
		t.Fatal(err)
	}

	begun := time.Now()
	var samples []sample
	stop, sampled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sampled)
		tick := time.NewTicker(max(lasts/200, 100*time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if now, err := s.p.look(begun); err != nil {
					t.Error(err)
				} else {
					samples = append(samples, now)
				}
			}
		}
	}()
	s.people(t, 6, func(int) bool { return time.Since(begun) < lasts })
	close(stop)
	<-sampled
	s.judge(t, samples, long)
	testreq.UntilEvery(t, 50*time.Millisecond, "the goroutines that served people to end", func() bool {
		http.DefaultClient.CloseIdleConnections()
		s.admin.Leave()
		now, err := s.p.look(begun)
		return err == nil && now.goroutines <= quiet.goroutines+10
	})
	if log := s.p.Tail(); strings.Contains(log, "panic") {
		t.Errorf("it panicked:\n%s", log)
	}
}

// judge holds what was seen against what may be. The first third fills pools and
// caches.
func (s *soak) judge(t *testing.T, samples []sample, long bool) {
	t.Helper()
	if len(samples) < 3 {
		t.Fatalf("only %d looks", len(samples))
	}
	steady := samples[len(samples)/3:]
	last := samples[len(samples)-1]
	goroutines := growth(steady, func(s sample) float64 { return s.goroutines })
	heap := growth(steady, func(s sample) float64 { return s.heap })
	resident := growth(steady, func(s sample) float64 { return s.resident })
	t.Logf("%d jobs, %d answered as busy, in %v; at the end %.0f goroutines, %.0f MiB that live, %.0f MiB resident; "+
		"in the last two thirds they grew by %.1f, %.1f MiB and %.1f MiB", s.jobs.Load(), s.busy.Load(),
		last.at.Round(time.Second), last.goroutines, last.heap/(1<<20), last.resident/(1<<20),
		goroutines, heap/(1<<20), resident/(1<<20))
	if s.jobs.Load() == 0 {
		t.Error("no job was done")
	}
	if peak := s.p.peak(); peak > container {
		t.Errorf("the process held %d MiB", peak>>20)
	}
	if !long {
		return // seconds tell nothing of a slope; what is left behind is looked at next
	}
	if goroutines > 15 {
		t.Errorf("%.1f goroutines more", goroutines)
	}
	if heap > 16<<20 {
		t.Errorf("%.1f MiB more that live", heap/(1<<20))
	}
	if resident > 64<<20 {
		t.Errorf("%.1f MiB more resident", resident/(1<<20))
	}
}

// people do jobs, so many at a time, while more says so to the number of the job.
func (s *soak) people(t *testing.T, atOnce int, more func(n int) bool) {
	t.Helper()
	var all sync.WaitGroup
	for i := range atOnce {
		all.Go(func() {
			var who *client.Client
			for n := 0; more(n) && !t.Failed(); n++ {
				if n%10 == 0 {
					if who != nil {
						who.Leave()
					}
					var err error
					if who, err = s.register(fmt.Sprintf("soak%d_%d", i, time.Now().UnixNano())); err != nil {
						s.excuse(t, err)
						who = nil
						continue
					}
				}
				if who == nil {
					continue
				}
				for _, job := range []func(*client.Client, int) error{s.buyAndReturn, s.lookAround, s.misbehave} {
					s.excuse(t, job(who, n))
				}
				s.jobs.Add(1)
			}
			if who != nil {
				who.Leave()
			}
		})
	}
	all.Wait()
}

// excuse takes for an error what is none on a slow machine.
func (s *soak) excuse(t *testing.T, err error) {
	t.Helper()
	switch status := client.StatusOf(err); {
	case err == nil:
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		s.busy.Add(1)
	default:
		t.Error(err)
	}
}

func (s *soak) register(name string) (*client.Client, error) {
	c := client.New(s.p.URL, testreq.Patience(s.p.t))
	err := c.Register(s.ctx, name, "correct horse battery")
	if err == nil {
		err = c.SignIn(s.ctx, name, "correct horse battery")
	}
	if err != nil {
		c.Leave()
		return nil, err
	}
	return c, nil
}

// buyAndReturn is the main job, by card and in cash.
func (s *soak) buyAndReturn(who *client.Client, n int) error {
	if err := who.AddToCart(s.ctx, s.product, 2); err != nil {
		return err
	}
	card := ""
	if n%2 == 0 {
		card = client.GoodCard
	}
	if outcome, err := who.Checkout(s.ctx, card, ""); err != nil || outcome != client.Completed {
		return err // queued: there is nothing to return yet
	}
	list, err := who.Orders(s.ctx)
	if err != nil || len(list) == 0 {
		return errors.Join(err, errors.New("there is no order"))
	}
	c, err := who.RequestReturn(s.ctx, list[0].ID, list[0].Items[0].ID, 1)
	if err != nil {
		return err
	}
	if c, err = s.admin.Approve(s.ctx, c.ID); err != nil {
		return err
	}
	_, _, err = s.admin.Refund(s.ctx, c.ID, "")
	return err
}

// lookAround reads pages, and a stream for a moment.
func (s *soak) lookAround(who *client.Client, _ int) error {
	for _, path := range []string{"/", "/order-history", "/returns", "/api/returns"} {
		if a, err := who.Do(s.ctx, http.MethodGet, path, "", nil); err != nil || a.Status != http.StatusOK {
			return errors.Join(err, &client.StatusError{Request: path, Response: a})
		}
	}
	for _, path := range []string{"/admin/returns", "/admin/orders?q=soak", "/admin/audit", "/admin/dashboard"} {
		if a, err := s.admin.Do(s.ctx, http.MethodGet, path, "", nil); err != nil || a.Status != http.StatusOK {
			return errors.Join(err, &client.StatusError{Request: path, Response: a})
		}
	}
	ctx, leave := context.WithTimeout(s.ctx, 50*time.Millisecond)
	defer leave()
	// It lasts until the reader leaves, which is its only end here.
	_, _ = s.admin.Do(ctx, http.MethodGet, "/admin/dashboard/stream", "", nil)
	return nil
}

// misbehave fails to sign in, sends what is no form, and breaks off in the middle
// of a photo.
func (s *soak) misbehave(who *client.Client, n int) error {
	// From an address of its own, or the failures would count against all.
	const elsewhere = "203.0.113.66"
	stranger := client.New(s.p.URL, testreq.Patience(s.p.t))
	defer stranger.Leave()
	guess := url.Values{"username": {fmt.Sprint("guess", n)}, "password": {"wrong"}}
	a, err := stranger.Form(s.ctx, "/login", guess, "X-Forwarded-For", elsewhere)
	if err != nil || a.Status != http.StatusOK && a.Status != http.StatusTooManyRequests {
		return errors.Join(err, &client.StatusError{Request: "a wrong sign-in", Response: a})
	}
	half := append([]byte("--x\r\nContent-Disposition: form-data; name=\"photos\"; filename=\"a\"\r\n\r\n"), s.photo...)
	const kind = "multipart/form-data; boundary=x"
	a, err = who.Do(s.ctx, http.MethodPost, "/returns/request", kind, half)
	if err != nil || a.Status != http.StatusBadRequest {
		return errors.Join(err, &client.StatusError{Request: "half a form", Response: a})
	}
	ctx, leave := context.WithTimeout(s.ctx, 5*time.Millisecond)
	defer leave()
	// Whatever comes of it: the sender is gone.
	_, _ = who.Do(ctx, http.MethodPost, "/returns/request", kind, append(half, make([]byte, 8<<20)...))
	conn, err := (&net.Dialer{}).DialContext(s.ctx, "tcp", strings.TrimPrefix(s.p.URL, "http://"))
	if err != nil {
		return err
	}
	_, err = io.WriteString(conn, "POST /login HTTP/1.1\r\nHost: shop\r\nContent-Length: 100\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\n\r\nusername=")
	return errors.Join(err, conn.Close())
}

func TestGrowthIsThatOfMostAndNotOfPeaks(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []float64
		want   float64
	}{
		{"steady", []float64{5, 5, 5, 5, 5}, 0},
		{"a peak at the end", []float64{5, 5, 5, 5, 500}, 0},
		{"a leak", []float64{10, 20, 30, 40, 50}, 40},
		{"a leak with peaks", []float64{10, 20, 900, 40, 50, 60, 70}, 60},
		{"one", []float64{5}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var samples []sample
			for i, f := range c.values {
				samples = append(samples, sample{at: time.Duration(i) * time.Second, heap: f})
			}
			if got := growth(samples, func(s sample) float64 { return s.heap }); got < c.want-1e-9 ||
				got > c.want+1e-9 {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}
