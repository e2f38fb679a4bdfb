package scenarios

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/load"
	"github.com/returnkit/returnkit/refserver/internal/quality"
)

// Loads returns, as people read them, the presets of `refserver load` that can be run by their ids
// beside the scenarios, each against a shop of its own.
func Loads() []quality.Scenario {
	var out []quality.Scenario
	for _, l := range loads() {
		out = append(out, l.Scenario)
	}
	return out
}

// limitOf is the setting of the shop that a preset drives, as in the demo.
var limitOf = map[string]string{"performance": "100"}

func loads() []Scenario {
	var out []Scenario
	for _, preset := range load.Presets() {
		o, err := load.Preset(preset)
		if err != nil {
			continue // never: it is one of them
		}
		words := fmt.Sprintf("%d checkouts a second for %.0f s", o.Rate, o.Duration.Seconds())
		if o.CardPercent > 0 {
			words += fmt.Sprintf(", %d %% by card", o.CardPercent)
		}
		if o.Outage > 0 {
			words += fmt.Sprintf("; the provider answers nothing for %.0f s in the middle", o.Outage.Seconds())
		}
		out = append(out, Scenario{quality.Scenario{
			ID: "load-" + preset, Stimulus: words, Measure: preset, Target: "the service level " + o.Cards[0],
		}, func(ctx context.Context, b *bench) (Result, error) { return runLoad(ctx, b, preset) }})
	}
	return out
}

func runLoad(ctx context.Context, b *bench, preset string) (Result, error) {
	o, err := load.Preset(preset)
	if err != nil {
		return Result{}, err
	}
	if b.Short {
		o.Rate, o.Users, o.Duration = 40, 80, 6*time.Second
		if limitOf[preset] != "" {
			o.Rate, o.Users = 150, 300 // more than the limit
		}
		o.Outage = min(o.Outage, 2*time.Second)
	}
	s, err := b.open(b.id, "THROTTLING_MAX_RPS="+cmp.Or(limitOf[preset], "5000"), "CHECKOUT_PAYMENT_WAIT=25ms")
	if err != nil {
		return Result{}, err
	}
	o.URL, o.ProviderURL, o.Settle = s.url, b.pay, b.settle()
	o.AdminUser, o.AdminPassword = s.Config.SuperAdminUsername, string(s.Config.SuperAdminPassword)
	o.Progress = func(done, total int, doing string) {
		b.Progress(quality.Step{ID: b.id, Done: done, Of: total, Message: doing})
	}
	sum, err := load.Run(ctx, o, io.Discard)
	if err != nil && !errors.Is(err, load.ErrNotFulfilled) && !errors.Is(err, load.ErrLedger) &&
		!errors.Is(err, load.ErrUnsettled) {
		return Result{}, err
	}
	return Result{
		Observed: fmt.Sprintf(
			"%d accepted (%d queued), %.3f %% of submitted, at %.0f/s offered; p95 %s; %d over the limit, %d failed",
			sum.Accepted(), sum.Queued, sum.AcceptedShare(), sum.Rate, ms(sum.P95), sum.Throttled, sum.Failed,
		),
		Fulfilled: err == nil,
		sound:     sum.Failed == 0 && sum.DoubleCharges == 0,
		Charts:    loadCharts(sum),
	}, nil
}
