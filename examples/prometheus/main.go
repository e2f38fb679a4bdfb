// Command prometheus puts refunds under metrics in one line, and shows what Prometheus would
// scrape: what was paid back by which method, what was declined, and how long the provider's
// breaker was open.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/payment/guard"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/resilience"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	metrics, err := observability.NewMetrics(observability.MetricsConfig{})
	if err != nil {
		return err
	}
	registry, err := observability.NewRegistry(metrics) // or any registry of yours
	if err != nil {
		return err
	}
	breaker, err := resilience.New(resilience.Config{Name: "bank", ConsecutiveFailures: 1})
	if err != nil {
		return err
	}
	defer metrics.WatchBreaker(breaker)()

	bank := &refundstest.Gateway{}
	service, err := refunds.New(refunds.Config{
		Store: refundstest.NewStore(), Gateway: guard.Refunds(bank, breaker),
		Observer: observability.RefundObserver(metrics), // the one line
	})
	if err != nil {
		return err
	}
	for _, next := range []struct {
		id    string
		fault refundstest.Fault
	}{{"1", refundstest.FaultNone}, {"2", refundstest.FaultRefuse}, {"3", refundstest.FaultLostBefore}} {
		bank.Capture("pi_"+next.id, 3_000)
		bank.Always(refundstest.CallCreate, next.fault)
		bank.Always(refundstest.CallFind, next.fault)
		refund, err := service.Refund(ctx, request(next.id))
		if err != nil {
			return err
		}
		fmt.Println("refund", next.id, refund.Status)
	}

	page := httptest.NewServer(observability.PrometheusHandler(registry))
	defer page.Close()
	return scrape(page.URL)
}

func request(id string) refunds.Request {
	return refunds.Request{
		ClientReference: "return-" + id, OrderID: id, Customer: "ada", Currency: "EUR",
		Payments: []refunds.Payment{{ID: id, Method: payment.Card, ProviderID: "pi_" + id, Captured: 3_000}},
		Quote: refunds.QuoteRequest{Currency: "EUR", Lines: []refunds.QuoteRequestLine{
			{OrderLineID: "lamp", Bought: 1, Units: 1, Paid: money.Components{Price: 3_000}},
		}},
	}
}

// scrape prints the lines of the page that are about refunds and the breaker.
func scrape(url string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "refunds_") || strings.HasPrefix(line, "payment_circuit_open_") {
			fmt.Print(line)
		}
	}
	return nil
}
