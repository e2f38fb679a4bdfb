// Package load drives a running shop the way a flash sale does: an open loop of
// checkouts at a fixed rate, however long the answers take, from customers who are
// signed in and whose carts are filled before the clock starts. A closed loop
// (Options.Closed) shows how fast a number of sessions can go instead.
package load

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// Options say what to run. Preset fills them in; the zero value of a field
// takes the default named in its comment.
type Options struct {
	URL           string        // of the shop
	AdminUser     string        // who raises the stock and reads the SLO cards
	AdminPassword string        //
	Users         int           // customers; default twice the rate, at least 10, at most 4,000
	Rate          int           // checkouts offered a second, 1 to 20,000
	Duration      time.Duration // how long; default 10 s, at most 10 min
	Runs          int           // total number of checkouts; wins over Duration
	Concurrency   int           // most requests in flight; default 4,096
	Delay         time.Duration // pause between checkouts instead of a rate: one a delay
	// Closed has as many sessions as Concurrency check out one after the other,
	// each as soon as the last was answered and its cart is filled again, instead
	// of a rate. Users is the number of sessions then.
	Closed      bool
	ProductID   int64 // what everybody buys; default 2
	Products    int   // more than 1: so many products instead, in turn, made where the shop has fewer; at most 5,000
	CardPercent int   // of the checkouts paid by card, 0 to 100; the others pay cash
	// Outage is how long the payment provider answers nothing, in the middle of
	// the run; 0 for none. It needs ProviderURL.
	Outage      time.Duration
	ProviderURL string        // of the payment simulator, whose control endpoints make the outage
	Settle      time.Duration // how long to wait for queued orders after the run; default 5 min
	Report      string        // file for the HTML report; empty for none
	Cards       []string      // SLO cards that must be fulfilled at the end, such as A.1
	// counted: Runs were asked for, and not worked out from the duration. All of them are offered then,
	// however long a busy machine takes.
	counted bool
	// Progress is called about once a second with how many checkouts are answered, of how many,
	// and what is being done; nil: nobody is.
	Progress func(done, total int, doing string)
}

// Limits that keep a run bounded.
const (
	maxRate         = 20_000
	maxUsers        = 4_000
	maxProducts     = 5_000
	maxConcurrency  = 65_536
	maxDuration     = 10 * time.Minute
	defaultDuration = 10 * time.Second
)

// ErrOptions is in the chain of an error that says what is wrong with Options.
var ErrOptions = errors.New("load")

// invalid returns the error of an option.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrOptions}, args...)...)
}

// Presets returns the names of the demos.
func Presets() []string { return []string{"availability", "availability-failure", "performance"} }

// Preset returns the options of a named demo.
func Preset(name string) (Options, error) {
	switch name {
	case "":
		return Options{Rate: 50, Duration: 10 * time.Second}, nil
	case "availability":
		return Options{
			Rate: 1000, Duration: 60 * time.Second, Users: 1500, CardPercent: 30, Cards: []string{"A.1"},
		}, nil
	case "availability-failure":
		return Options{
			Rate: 1000, Duration: 60 * time.Second, Users: 1500, CardPercent: 30, Outage: 20 * time.Second,
			Cards: []string{"A.1"},
		}, nil
	case "performance":
		return Options{Rate: 1000, Duration: 30 * time.Second, Users: 1500, Cards: []string{"P.1"}}, nil
	}
	return Options{}, invalid("there is no preset %q; availability, availability-failure or performance", name)
}

// complete fills in defaults and refuses what can't be run.
func (o Options) complete() (Options, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return o, invalid("%q is no address of a shop; it looks like http://localhost:5000", o.URL)
	}
	o.URL, o.ProviderURL = strings.TrimRight(o.URL, "/"), strings.TrimRight(o.ProviderURL, "/")
	if o.Runs < 0 {
		return o, invalid("%d runs; 1 or more are allowed", o.Runs)
	}
	if o.Concurrency == 0 {
		o.Concurrency = 4096
	}
	if o.Concurrency < 1 || o.Concurrency > maxConcurrency {
		return o, invalid("%d requests at a time; 1 to %d are allowed", o.Concurrency, maxConcurrency)
	}
	if o.Closed {
		o, err = o.closed()
	} else {
		o, err = o.open()
	}
	if err != nil {
		return o, err
	}
	return o.complement()
}

// closed completes what says how much a closed loop offers.
func (o Options) closed() (Options, error) {
	o.Rate = 0
	if o.Users == 0 {
		o.Users = min(maxUsers, o.Concurrency)
	}
	if o.Runs > 0 {
		o.Users = min(o.Users, o.Runs)
		o.Duration = maxDuration // it ends with the last run
	}
	o.Concurrency = min(o.Concurrency, o.Users)
	if o.Outage > 0 {
		return o, invalid("an outage needs a rate: it comes in the middle of the run, and a closed loop ends by itself")
	}
	return o, nil
}

// open completes what says how much an open loop offers.
func (o Options) open() (Options, error) {
	if o.Delay > 0 {
		o.Rate = max(1, int(time.Second/o.Delay))
	}
	if o.Rate < 1 || o.Rate > maxRate {
		return o, invalid("the rate is %d checkouts a second; 1 to %d are allowed", o.Rate, maxRate)
	}
	if o.Duration == 0 {
		o.Duration = defaultDuration
	}
	if o.counted = o.Runs > 0; o.counted {
		o.Duration = time.Duration(float64(o.Runs) / float64(o.Rate) * float64(time.Second))
	} else {
		o.Runs = int(o.Duration.Seconds() * float64(o.Rate))
	}
	if o.Users == 0 {
		o.Users = min(maxUsers, max(10, 2*o.Rate))
	}
	o.Users = min(o.Users, max(o.Runs, 1))
	return o, nil
}

// complement completes and checks what every loop has.
func (o Options) complement() (Options, error) {
	if o.Duration == 0 {
		o.Duration = defaultDuration
	}
	if o.Duration < 0 || o.Duration > maxDuration {
		return o, invalid("the run would take %s; at most %s are allowed", o.Duration, maxDuration)
	}
	if o.Users < 1 || o.Users > maxUsers {
		return o, invalid("%d users; 1 to %d are allowed", o.Users, maxUsers)
	}
	if o.CardPercent < 0 || o.CardPercent > 100 {
		return o, invalid("%d %% by card; 0 to 100 are allowed", o.CardPercent)
	}
	if o.ProductID == 0 {
		o.ProductID = 2
	}
	if o.Products < 0 || o.Products > maxProducts {
		return o, invalid("%d products; 1 to %d are allowed", o.Products, maxProducts)
	}
	if o.Settle == 0 {
		o.Settle = 5 * time.Minute
	}
	if o.Outage > 0 && o.ProviderURL == "" {
		return o, invalid("an outage needs the payment simulator as a process of its own: start `refserver paysim`, " +
			"start the shop with PAYMENT_PROVIDER_URL set to its address, and name it with --provider-url")
	}
	if o.Outage < 0 || o.Outage >= o.Duration {
		return o, invalid("an outage of %s does not fit into a run of %s", o.Outage, o.Duration)
	}
	return o, nil
}

// stock is how many units of a product the run may sell.
func (o Options) stock() int {
	if o.Runs > 0 {
		return o.Runs + o.Users
	}
	return int(o.Duration.Seconds())*maxRate + o.Users
}

// pacer says when the next checkout is offered. A closed loop never waits, since its
// sessions do. It ends with the last run, and so does an open loop with a number of runs.
type pacer struct{ Options }

// Pace implements vegeta.Pacer.
func (p pacer) Pace(elapsed time.Duration, hits uint64) (time.Duration, bool) {
	if p.Closed {
		return 0, p.Runs > 0 && hits >= uint64(p.Runs)
	}
	if p.counted && hits >= uint64(p.Runs) {
		return 0, true
	}
	return p.constant().Pace(elapsed, hits)
}

// Rate implements vegeta.Pacer.
func (p pacer) Rate(elapsed time.Duration) float64 { return p.constant().Rate(elapsed) }

// lasts is how long checkouts are offered at most.
func (p pacer) lasts() time.Duration {
	if p.counted {
		return maxDuration
	}
	return p.Duration
}

func (p pacer) constant() vegeta.ConstantPacer {
	return vegeta.ConstantPacer{Freq: p.Options.Rate, Per: time.Second}
}
