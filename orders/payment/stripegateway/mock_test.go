package stripegateway

import (
	"bufio"
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/payment"
)

// stripeMock builds and starts stripe-mock, which checks each request against
// Stripe's OpenAPI description, and returns its address.
func stripeMock(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: stripe-mock takes a while to build")
	}
	binary := filepath.Join(t.TempDir(), "stripe-mock")
	build := exec.Command("go", "build", "-C", "../../../internal/tools", "-o", binary, "github.com/stripe/stripe-mock")
	if out, err := build.CombinedOutput(); err != nil {
		testreq.SkipOrFail(t, "stripe-mock can't be built with the go command: "+string(out))
	}
	cmd := exec.Command(binary, "-http-addr", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if a := address.FindString(lines.Text()); a != "" {
			go func() {
				for lines.Scan() {
				}
			}()
			return "http://" + a
		}
	}
	t.Fatal("stripe-mock did not say where it listens")
	return ""
}

func TestRequestsHaveTheShapeOfStripesDescription(t *testing.T) {
	g, err := New(Config{Key: "sk_test_123", URL: stripeMock(t), Timeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	// stripe-mock answers from fixtures: what counts is that it accepts the
	// request (a parameter it does not know is a 400) and that the answer has
	// an object in it.
	_, found := g.FindPayment(ctx, "pi_1")
	_, canceled := g.CancelPayment(ctx, charge, "pi_1")
	_, opened := g.OpenPage(ctx, pageRequest)
	_, read := g.FindPage(ctx, charge, "cs_1")
	_, closed := g.ClosePage(ctx, charge, "cs_1")
	for name, a := range map[string]payment.Result{
		"CreatePayment":  g.CreatePayment(ctx, charge),
		"ConfirmPayment": g.ConfirmPayment(ctx, charge, "pi_1"),
		"FindPayment":    found,
		"CancelPayment":  canceled,
		"OpenPage":       opened,
		"FindPage":       read,
		"ClosePage":      closed,
		"CreateRefund":   g.CreateRefund(ctx, refund),
		"FindRefund":     g.FindRefund(ctx, refund),
	} {
		if a.HTTP != 200 {
			t.Errorf("%s: %+v, want it accepted", name, a)
		}
	}
	if a := g.CreateRefund(ctx, refund); a.ProviderID == "" || a.Outcome != payment.OutcomeDone {
		t.Errorf("CreateRefund: %+v, want an object", a)
	}
}
