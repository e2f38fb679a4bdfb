package scenarios

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/load"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refserver/internal/quality"
	"github.com/returnkit/returnkit/resilience"
)

func a1() Scenario {
	return Scenario{quality.Scenario{
		ID: "A.1",
		Stimulus: "1,000 checkouts a second for 60 s, 30 % by card; the payment provider does not answer for 20 s " +
			"in the middle",
		Measure: "accepted of submitted orders; time to repair; queued orders settled",
		Target:  "99 % or more; less than 5 min; all, none charged twice",
	}, runA1}
}

func runA1(ctx context.Context, b *bench) (Result, error) {
	s, err := b.open("a1")
	if err != nil {
		return Result{}, err
	}
	rate, lasts, outage := b.of(60, 1000), time.Duration(b.of(6, 60))*time.Second, time.Duration(
		b.of(2, 20),
	)*time.Second
	repaired := make(chan time.Duration, 1)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go func() { repaired <- timeToRepair(watching, s) }()
	if b.broken {
		// Somebody has the provider fail for good before the shop can settle anything.
		go func() {
			down := func() bool { return b.provider.Faults() != (paysim.Faults{}) }
			_, _, _ = b.until(time.Minute, func() (bool, error) { return down(), nil })
			_, _, _ = b.until(time.Minute, func() (bool, error) { return !down(), nil })
			_ = b.provider.SetFaults(paysim.Faults{Down: true})
		}()
	}
	sum, err := load.Run(ctx, load.Options{
		URL: s.url, AdminUser: s.Config.SuperAdminUsername, AdminPassword: string(s.Config.SuperAdminPassword),
		Rate: rate, Duration: lasts, CardPercent: 30, Outage: outage, ProviderURL: b.pay, Settle: b.settle(),
	}, io.Discard)
	if err != nil && !errors.Is(err, load.ErrUnsettled) {
		return Result{}, err
	}
	var repair time.Duration
	select {
	case repair = <-repaired:
	case <-time.After(b.settle()):
		stop()
		repair = -1
	}
	fulfilled := sum.AcceptedShare() >= 99 && repair >= 0 && repair < 5*time.Minute && sum.Unsettled == 0 &&
		sum.DoubleCharges == 0
	words := "repaired in " + ms(repair)
	if repair < 0 {
		words = "not repaired"
	}
	return Result{
		Observed: fmt.Sprintf(
			"%.3f %% of %d at %.0f/s; %s; %d queued, %d not settled, %d charged twice", sum.AcceptedShare(),
			sum.Accepted()+sum.Failed, sum.Rate, words, sum.Queued, sum.Unsettled, sum.DoubleCharges,
		),
		Fulfilled: fulfilled, Charts: loadCharts(sum),
	}, nil
}

// settle is how long queued orders may take after a run.
func (b *bench) settle() time.Duration {
	if b.broken {
		return 3 * time.Second
	}
	return 2 * time.Minute
}

// timeToRepair returns how long the breaker took to close after the provider was back; -1 when
// ctx ends before.
func timeToRepair(ctx context.Context, s *shop) time.Duration {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	failed, back := false, time.Time{}
	for {
		select {
		case <-ctx.Done():
			return -1
		case <-tick.C:
		}
		down := s.provider.Faults() != (paysim.Faults{})
		switch {
		case down:
			failed, back = true, time.Time{}
		case failed && back.IsZero():
			back = time.Now()
		}
		if !back.IsZero() && s.Breaker.State() == resilience.Closed {
			return time.Since(back)
		}
	}
}

// loadCharts are latency, answers and the queue over the seconds of a run.
func loadCharts(sum *load.Summary) []quality.Chart {
	latency := quality.Chart{
		Title: "Latency of accepted orders",
		Unit:  "ms",
		Names: []string{"p50", "p95", "p99"},
		Lines: map[string][]float64{},
	}
	answers := quality.Chart{
		Title: "Answers a second", Unit: "orders", Names: []string{"completed", "queued", "throttled", "failed"},
		Lines: map[string][]float64{},
	}
	waiting := quality.Chart{
		Title: "Orders that wait for the payment provider", Unit: "orders", Names: []string{"waiting"},
		Lines: map[string][]float64{},
	}
	for i, sec := range sum.Seconds {
		label := fmt.Sprint(i + 1)
		latency.Labels, answers.Labels = append(latency.Labels, label), append(answers.Labels, label)
		for name, d := range map[string]time.Duration{"p50": sec.P50, "p95": sec.P95, "p99": sec.P99} {
			latency.Lines[name] = append(latency.Lines[name], float64(d.Microseconds())/1000)
		}
		waiting.Labels = answers.Labels
		waiting.Lines["waiting"] = append(waiting.Lines["waiting"], float64(sec.Waiting))
		for name, n := range map[string]int{
			"completed": sec.Completed, "queued": sec.Queued, "throttled": sec.Throttled, "failed": sec.Failed,
		} {
			answers.Lines[name] = append(answers.Lines[name], float64(n))
		}
	}
	return []quality.Chart{latency, answers, waiting}
}

func a2() Scenario {
	return Scenario{quality.Scenario{
		ID:       "A.2",
		Stimulus: "every fifth card payment meets a lost answer, an error or a slow provider",
		Measure:  "transactions that were hit and complete within 5 s; charges in the provider's ledger",
		Target:   "99 % or more; one for each order",
	}, runA2}
}

// transient are the faults of A.2, in turn: each hits the calls of one checkout until the
// answer.
var transient = []paysim.Faults{
	{Charge: paysim.CallFaults{DropAfter: 1}},
	{Charge: paysim.CallFaults{Error5xx: 1}},
	{Charge: paysim.CallFaults{TimeoutBefore: 1}},
	{Charge: paysim.CallFaults{Error5xxAfter: 1}},
	{LatencyMS: 700},
}

func runA2(ctx context.Context, b *bench) (Result, error) {
	s, err := b.open("a2")
	if err != nil {
		return Result{}, err
	}
	buyer, err := s.customer("a2")
	if err != nil {
		return Result{}, err
	}
	n, hit, inTime, slowest := b.of(25, 150), 0, 0, time.Duration(0)
	if b.broken {
		n = 5
	}
	for i := range n {
		fault := paysim.Faults{}
		if i%5 == 0 {
			fault = transient[i/5%len(transient)]
			hit++
		}
		took, err := b.payUnder(ctx, buyer, fault)
		if err != nil {
			return Result{}, err
		}
		if i%5 == 0 {
			slowest = max(slowest, took)
			if took < 5*time.Second {
				inTime++
			}
		}
	}
	ledger, err := client.ReadLedger(ctx, b.pay)
	if err != nil {
		return Result{}, err
	}
	charged := map[string]int{}
	twice := 0
	for _, c := range ledger.Charges {
		if charged[c.Order]++; charged[c.Order] == 2 {
			twice++
		}
	}
	return Result{
		Observed: fmt.Sprintf(
			"%d of %d that were hit, the slowest after %s; %d charged twice", inTime, hit, ms(slowest), twice,
		),
		sound: twice == 0 && len(charged) >= n,
		// The order of the demo data was charged here too.
		Fulfilled: inTime*100 >= hit*99 && twice == 0 && len(charged) >= n,
	}, nil
}

// payUnder checks out by card while the provider has a fault, which is over with the answer,
// and returns how long the order took to complete.
func (b *bench) payUnder(ctx context.Context, buyer *client.Client, fault paysim.Faults) (time.Duration, error) {
	if err := buyer.AddToCart(ctx, 2, 1); err != nil {
		return 0, err
	}
	if err := b.provider.SetFaults(fault); err != nil {
		return 0, err
	}
	begun := time.Now()
	_, err := buyer.Checkout(ctx, client.GoodCard, "")
	if !b.broken {
		err2 := b.provider.SetFaults(paysim.Faults{})
		if err == nil {
			err = err2
		}
	}
	if err != nil {
		return 0, err
	}
	_, _, err = b.until(6*time.Second, func() (bool, error) {
		list, err := buyer.Orders(ctx)
		return err == nil && len(list) > 0 && list[0].Status == "COMPLETED", err
	})
	if b.broken {
		_ = b.provider.SetFaults(paysim.Faults{})
	}
	return time.Since(begun), err
}

func a3() Scenario {
	return Scenario{quality.Scenario{
		ID: "A.3",
		Stimulus: "a payment fails for good in the middle of a checkout; a server is taken out while it charges an " +
			"order",
		Measure: "change of stock, charges and orders after the failure; the status of the order",
		Target: "none, none, none but a canceled one; the server gets no more requests, another one completes " +
			"the order",
	}, runA3}
}

func runA3(ctx context.Context, b *bench) (Result, error) {
	s, err := b.open("a3")
	if err != nil {
		return Result{}, err
	}
	product, err := s.admin.NewProduct(ctx, "A.3", "10.00", 50)
	if err != nil {
		return Result{}, err
	}
	buyer, err := s.customer("a3")
	if err != nil {
		return Result{}, err
	}
	charges, payErr, err := b.declinedCheckout(ctx, buyer, product)
	if err != nil {
		return Result{}, err
	}
	stock, err := s.admin.Stock(ctx, product)
	if err != nil {
		return Result{}, err
	}
	list, err := buyer.Orders(ctx)
	if err != nil {
		return Result{}, err
	}
	open := 0
	for _, o := range list {
		if o.Status != "CANCELLED" {
			open++
		}
	}
	ready, moved, err := b.takeOut(ctx, s)
	if err != nil {
		return Result{}, err
	}
	return Result{
		Observed: fmt.Sprintf(
			"refused %v; stock %d of 50, %d charges, %d open orders; taken out it answers %d, another one "+
				"completed its order in %s",
			payErr != nil,
			stock,
			charges,
			open,
			ready,
			ms(moved),
		),
		Fulfilled: payErr != nil && stock == 50 && charges == 0 && open == 0 &&
			ready == http.StatusServiceUnavailable &&
			moved < 30*time.Second,
	}, nil
}

// declinedCheckout checks out 3 units with a card that is declined. It returns how many charges
// the provider made, and how the checkout failed.
func (b *bench) declinedCheckout(
	ctx context.Context, buyer *client.Client, product int64,
) (charges int, payErr, err error) {
	before, err := client.ReadLedger(ctx, b.pay)
	if err != nil {
		return 0, nil, err
	}
	if err := buyer.AddToCart(ctx, product, 3); err != nil {
		return 0, nil, err
	}
	card := "4000000000000002"
	if b.broken {
		card = client.GoodCard
	}
	_, payErr = buyer.Checkout(ctx, card, "")
	after, err := client.ReadLedger(ctx, b.pay)
	if err != nil {
		return 0, nil, err
	}
	return len(after.Charges) - len(before.Charges), payErr, nil
}

// takeOut queues an order at a server, takes it out while it charges, and has another one
// take over. It returns what the first answers balancers, and how long the order took.
func (b *bench) takeOut(ctx context.Context, first *shop) (ready int, took time.Duration, err error) {
	buyer, err := first.customer("a3b")
	if err != nil {
		return 0, 0, err
	}
	if err := buyer.AddToCart(ctx, 2, 1); err != nil {
		return 0, 0, err
	}
	if err := b.provider.SetFaults(paysim.Faults{Down: true}); err != nil {
		return 0, 0, err
	}
	if _, err := buyer.Checkout(ctx, client.GoodCard, ""); err != nil {
		return 0, 0, err
	}
	first.Health.SetDraining()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, first.url+"/health/ready", nil)
	if err != nil {
		return 0, 0, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, 0, err
	}
	_ = res.Body.Close()
	if err := first.stop(); err != nil {
		return 0, 0, err
	}
	begun := time.Now()
	if err := b.provider.SetFaults(paysim.Faults{}); err != nil {
		return 0, 0, err
	}
	second, err := b.open("a3")
	if err != nil {
		return 0, 0, err
	}
	buyer = buyer.At(second.url)
	_, done, err := b.until(time.Minute, func() (bool, error) {
		list, err := buyer.Orders(ctx)
		return err == nil && len(list) == 1 && list[0].Status == "COMPLETED", err
	})
	if !done {
		return res.StatusCode, time.Hour, err
	}
	return res.StatusCode, time.Since(begun), err
}
