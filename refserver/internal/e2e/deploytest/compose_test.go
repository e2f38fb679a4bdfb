//go:build deploy

package deploytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
)

// mainJob buys three of a product by card, takes two back and has them
// refunded; it returns an error for the first thing that is not as it should be.
func mainJob(ctx context.Context, admin *client.Client, name string) error {
	product, err := admin.NewProduct(ctx, name, "19.99", 10)
	if err != nil {
		return err
	}
	buyer, err := admin.Customer(ctx)
	if err != nil {
		return err
	}
	if err := buyer.AddToCart(ctx, product, 3); err != nil {
		return err
	}
	if outcome, err := buyer.Checkout(ctx, client.GoodCard, ""); err != nil || outcome != client.Completed {
		return errors.Join(fmt.Errorf("checkout: %q", outcome), err)
	}
	orders, err := buyer.Orders(ctx)
	if err != nil {
		return err
	}
	if len(orders) == 0 || orders[0].Items[0].ProductID != product {
		return fmt.Errorf("the newest order is not the one just placed: %+v", orders)
	}
	c, err := buyer.RequestReturn(ctx, orders[0].ID, orders[0].Items[0].ID, 2)
	if err != nil {
		return err
	}
	if c, err = admin.Approve(ctx, c.ID); err != nil || c.Status != "APPROVED" {
		return errors.Join(fmt.Errorf("after the inspection: %s", c.Status), err)
	}
	c, status, err := admin.Refund(ctx, c.ID, "")
	if err != nil {
		return err
	}
	if status != 200 || c.Status != "REFUNDED" || c.Refund == nil || c.Refund.Status != "COMPLETED" {
		return fmt.Errorf("the refund: %d %s %+v", status, c.Status, c.Refund)
	}
	// Per unit 19.99, duty 5 % of it, shipping 3.00 a unit: two of three.
	if c.Refund.Amount != "47.98" {
		return fmt.Errorf("refunded %s, want 47.98", c.Refund.Amount)
	}
	if stock, err := admin.Stock(ctx, product); err != nil || stock != 9 {
		return errors.Join(fmt.Errorf("stock %d, want 9", stock), err)
	}
	return nil
}

func TestTheComposeFileBringsTheWholeShopUpAndItSurvivesEachContainersDeath(t *testing.T) {
	need(t)
	s := newStack(t, "dockercompose.yml")
	s.compose("build", "--quiet", "shop")
	started := time.Now()
	s.compose("up", "-d")
	base := s.address("shop", "5000")
	within(t, 60*time.Second, "the first page", healthy(base))
	first := time.Since(started)
	t.Logf("up to the first page: %.1f s", first.Seconds())
	if first > time.Minute {
		t.Errorf("it took %s to the first page; 60 s are allowed", first)
	}
	admin := staff(t, base)
	if err := mainJob(t.Context(), admin, "Compose lamp"); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Call(t.Context(), "/admin/dashboard", nil, nil); err != nil {
		t.Errorf("dashboard: %v", err)
	}
	took := within(
		t,
		time.Minute,
		"Prometheus scraping the shop",
		func(ctx context.Context) error { return targetUp(ctx, s.address("prometheus", "9090")) },
	)
	t.Logf("Prometheus target up after %.1f s", took.Seconds())
	s.logsAreJSON()
	s.lockedIn()

	for _, service := range []string{"shop", "paysim", "redis", "prometheus", "postgres"} {
		crash(t, s.containers(service)[0])
		took := within(t, time.Minute, "the main job after "+service+" was killed", func(ctx context.Context) error {
			if service == "prometheus" {
				url, err := s.tryAddress("prometheus", "9090")
				if err != nil {
					return err
				}
				return targetUp(ctx, url)
			}
			base, err := s.tryAddress("shop", "5000")
			if err != nil {
				return err
			}
			return mainJob(ctx, admin.At(base), fmt.Sprintf("Lamp %d", time.Now().UnixNano()))
		})
		t.Logf("kill -9 of %-10s the main job works again after %.1f s", service, took.Seconds())
	}
	ledgerIsClean(t, s.inside(s.containers("paysim")[0], "12111"))
}

// targetUp asks Prometheus whether it scrapes the shop.
func targetUp(ctx context.Context, prometheus string) error {
	var targets struct {
		Data struct {
			ActiveTargets []struct{ Health, LastError string } `json:"activeTargets"`
		} `json:"data"`
	}
	if _, err := client.New(prometheus, 5*time.Second).Call(ctx, "/api/v1/targets", nil, &targets); err != nil {
		return err
	}
	if len(targets.Data.ActiveTargets) == 0 {
		return errors.New("no target")
	}
	for _, target := range targets.Data.ActiveTargets {
		if target.Health != "up" {
			return fmt.Errorf("target is %s: %s", target.Health, target.LastError)
		}
	}
	return nil
}

// logsAreJSON asserts that each line the shop prints is one JSON object with
// the fields of the contract.
func (s *stack) logsAreJSON() {
	s.t.Helper()
	lines := 0
	for _, line := range strings.Split(s.compose("logs", "--no-color", "shop"), "\n") {
		_, line, ok := strings.Cut(line, "| ")
		if !ok {
			continue // what Compose itself says
		}
		lines++
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			s.t.Errorf("no JSON: %v in %s", err, line)
			continue
		}
		for _, name := range []string{"timestamp", "level", "logger", "message"} {
			if _, ok := fields[name]; !ok {
				s.t.Errorf("no %s in %s", name, line)
			}
		}
	}
	if lines == 0 {
		s.t.Error("the shop printed no log line")
	}
}

// lockedIn asserts of each container of the project that it can do little
// harm: no capability but those named, no new privileges, a read-only root,
// limits of memory and processes, and no root but in the start of PostgreSQL.
func (s *stack) lockedIn() {
	s.t.Helper()
	ids := strings.Fields(docker(s.t, "ps", "-q", "--filter", "label=com.docker.compose.project="+s.name))
	for _, id := range ids {
		var c struct {
			Config     struct{ User string }
			HostConfig struct {
				CapAdd, CapDrop, SecurityOpt []string
				ReadonlyRootfs, Privileged   bool
				Memory, PidsLimit            int64
			}
		}
		if err := json.Unmarshal([]byte(docker(s.t, "inspect", "-f", "{{json .}}", id)), &c); err != nil {
			s.t.Fatal(err)
		}
		service := docker(s.t, "inspect", "-f", `{{index .Config.Labels "com.docker.compose.service"}}`, id)
		h := c.HostConfig
		unprivileged := slices.ContainsFunc(h.SecurityOpt, func(option string) bool {
			return strings.HasPrefix(option, "no-new-privileges")
		})
		if fmt.Sprint(h.CapDrop) != "[ALL]" || !unprivileged ||
			!h.ReadonlyRootfs ||
			h.Privileged ||
			h.Memory <= 0 ||
			h.PidsLimit <= 0 {
			s.t.Errorf("%s is locked in as %+v", service, h)
		}
		if service == "postgres" {
			continue // which gives its volume to postgres, and continues as that
		}
		if len(h.CapAdd) > 0 || c.Config.User == "" || strings.HasPrefix(c.Config.User, "0") ||
			c.Config.User == "root" {
			s.t.Errorf("%s has the capabilities %q and runs as %q", service, h.CapAdd, c.Config.User)
		}
	}
	s.t.Logf("%d containers: no capabilities, no new privileges, read-only, limited in memory and processes", len(ids))
}

// ledgerIsClean asserts that no order was charged twice and no key refunded
// twice.
func ledgerIsClean(t *testing.T, provider string) client.Ledger {
	t.Helper()
	l, err := client.ReadLedger(t.Context(), provider)
	if err != nil {
		t.Fatal(err)
	}
	charged, refunded := map[string]int64{}, map[string]int64{}
	for _, c := range l.Charges {
		if charged[c.Order] != 0 {
			t.Errorf("order %s was charged twice", c.Order)
		}
		charged[c.Order] = c.Amount
		refunded[c.ID] = c.Amount
	}
	keys := map[string]bool{}
	for _, r := range l.Refunds {
		if keys[r.Key] {
			t.Errorf("the key %s refunded twice", r.Key)
		}
		keys[r.Key] = true
		if refunded[r.Charge] -= r.Amount; refunded[r.Charge] < 0 {
			t.Errorf("charge %s gave back more than it took", r.Charge)
		}
	}
	return l
}
