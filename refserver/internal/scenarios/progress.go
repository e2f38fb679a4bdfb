package scenarios

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/quality"
)

func u2() Scenario {
	return Scenario{quality.Scenario{
		ID:       "U.2",
		Stimulus: "a feed of 10,000 products",
		Measure:  "when its progress is first seen; whether it goes back; its end; what a reload shows",
		Target:   "in the first second; never; 100 %; the same",
	}, runU2}
}

func runU2(ctx context.Context, b *bench) (Result, error) {
	s, err := b.open("u2")
	if err != nil {
		return Result{}, err
	}
	_, key, _, err := s.newPartner("North")
	if err != nil {
		return Result{}, err
	}
	n := b.of(1000, 10_000)
	feed := productFeed(n)
	begun := time.Now()
	id, err := s.startFeed(key, feed)
	if err != nil {
		return Result{}, err
	}
	seen, err := b.watchFeed(ctx, s, id, begun)
	if err != nil {
		return Result{}, err
	}
	reload := client.New(s.url, time.Minute)
	if err := reload.SignIn(ctx, s.Config.SuperAdminUsername, string(s.Config.SuperAdminPassword)); err != nil {
		return Result{}, err
	}
	again, err := progressOf(ctx, reload, id)
	if err != nil {
		return Result{}, err
	}
	last := seen.last
	whole := last.State == "done" && last.Percent == 100 && last.Accepted == n
	sound := seen.back == 0 && whole && again == last
	return Result{
		Observed: fmt.Sprintf(
			"seen after %s, looked at %d times, went back %d times, ended %s at %d %% with %d of %d products after %s",
			ms(seen.first), seen.looks, seen.back, last.State, last.Percent, last.Accepted, n, ms(time.Since(begun)),
		),
		Fulfilled: seen.first < time.Second && sound,
		sound:     sound,
	}, nil
}

// productFeed is a feed of n products, as CSV.
func productFeed(n int) string {
	var feed strings.Builder
	feed.WriteString("id,name,price,stock\n")
	for i := range n {
		fmt.Fprintf(&feed, "p%d,Product %d,1.%02d,1\n", i, i, i%100)
	}
	return feed.String()
}

// startFeed sends a feed that is worked on after the answer, and returns the id of its progress.
func (s *shop) startFeed(key, feed string) (id string, err error) {
	answer, err := s.feed(key, "text/csv", feed)
	if err != nil {
		return "", err
	}
	var started struct {
		ID string `json:"operation_id"`
	}
	err = answer.JSON(&started)
	return started.ID, err
}

// progress is what the shop reports of a feed.
type progress struct {
	Percent, Done, Accepted int
	State                   string
}

func progressOf(ctx context.Context, c *client.Client, id string) (p progress, err error) {
	_, err = c.Call(ctx, "/api/progress/"+id, nil, &p)
	return p, err
}

// watched is what was seen of a feed's progress: when first, how often, how often it went back,
// and its end.
type watched struct {
	first       time.Duration
	looks, back int
	last        progress
}

// watchFeed looks at the progress of a feed until it has ended.
func (b *bench) watchFeed(ctx context.Context, s *shop, id string, begun time.Time) (w watched, err error) {
	_, _, err = b.until(5*time.Minute, func() (bool, error) {
		p, err := progressOf(ctx, s.admin, id)
		if err != nil {
			return false, err
		}
		if w.looks++; w.looks == 1 {
			w.first = time.Since(begun)
		}
		if p.Percent < w.last.Percent || p.Done < w.last.Done {
			w.back++
		}
		w.last = p
		if b.broken && p.Done > 0 && p.State == "running" {
			_, err = s.admin.Call(ctx, "/api/progress/"+id+"/cancel", map[string]any{}, nil)
		}
		return p.State != "running", err
	})
	return w, err
}
