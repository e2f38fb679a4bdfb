package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// outage is the part of the simulator's plan of faults that the settings ask
// for: calls that fail with 500 before they have any effect, look-ups too, as in
// an outage. What is not named stays as it is there.
type outage struct {
	Charge *callFaults `json:"charge,omitempty"`
	Refund *callFaults `json:"refund,omitempty"`
}

type callFaults struct {
	Error5xx  float64 `json:"error_5xx"`
	Lookup5xx float64 `json:"lookup_5xx"`
}

// outagePlan returns what PAYMENT_CHARGE_FAILURE_PROBABILITY and
// PAYMENT_REFUND_FAILURE_PROBABILITY ask for, nil when neither is above 0.
func (s *App) outagePlan() ([]byte, error) {
	var o outage
	if p := s.Config.ChargeFailureChance; p > 0 {
		o.Charge = &callFaults{p, p}
	}
	if p := s.Config.RefundFailureChance; p > 0 {
		o.Refund = &callFaults{p, p}
	}
	if o == (outage{}) {
		return nil, nil
	}
	return json.Marshal(o)
}

// errNoSimulator means that the provider cannot be made to fail.
var errNoSimulator = errors.New(
	"the payment provider is not the simulator, so the failure probabilities have no effect")

// passOutage merges the outage that the settings ask for into the plan of the
// simulator, in this process or outside; without one it touches nothing.
func (s *App) passOutage(ctx context.Context) error {
	plan, err := s.outagePlan()
	switch {
	case err != nil || plan == nil:
		return err
	case s.Simulator != nil:
		return s.Simulator.MergeFaults(plan)
	case s.provider == "":
		return errNoSimulator
	}
	return mergeFaults(ctx, s.provider, plan)
}

// faultsTimeout bounds the call to a simulator outside.
const faultsTimeout = 5 * time.Second

// mergeFaults changes the plan of the simulator at base. It returns
// errNoSimulator when something else is there.
func mergeFaults(ctx context.Context, base string, plan []byte) error {
	ctx, cancel := context.WithTimeout(ctx, faultsTimeout)
	defer cancel()
	url := strings.TrimRight(base, "/") + "/_sim/faults"
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch, url, bytes.NewReader(plan))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("passing the failure probabilities on: %w", err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10)) // a part of it will do
	switch {
	case res.StatusCode == http.StatusOK:
		return nil
	case res.StatusCode >= 500:
		return fmt.Errorf("passing the failure probabilities on: %s: %s", res.Status, body)
	}
	return fmt.Errorf("%w: PATCH %s: %s", errNoSimulator, url, res.Status)
}

// retryOutage passes the outage on, once.
func (s *App) retryOutage(ctx context.Context) error {
	if s.outageDone.Load() {
		return nil
	}
	err := s.passOutage(ctx)
	if errors.Is(err, errNoSimulator) {
		s.Log.Warn("a setting has no effect", "error", err)
		err = nil
	}
	if err == nil {
		s.outageDone.Store(true)
	}
	return err
}

// finishStart does for a worker what the start could not do for want of the
// provider: the demo data, and then the outage, which the demo order must not
// suffer.
func (s *App) finishStart(ctx context.Context) (bool, error) {
	var err error
	if s.Config.DemoData() {
		err = s.retryDemo(ctx)
	}
	return false, errors.Join(err, s.retryOutage(ctx))
}
