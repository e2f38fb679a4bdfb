//go:build deploy

package deploytest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/drive"
)

func TestThreeReplicasLoseAndDoubleNothingUnderEachFault(t *testing.T) {
	need(t)
	s := newStack(t, "dockercompose.replicas.yml", "THROTTLING_MAX_RPS=2000")
	s.compose("build", "--quiet", "shop")
	s.compose("up", "-d")
	base := s.address("balancer", "5000")
	within(t, time.Minute, "the first page through the balancer", healthy(base))
	within(t, time.Minute, "three replicas", func(context.Context) error {
		for _, id := range s.containers("shop") {
			if state, err := exec.Command("docker", "inspect", "-f", "{{.State.Health.Status}}", id).Output(); err != nil || strings.TrimSpace(string(state)) != "healthy" {
				return errors.Join(fmt.Errorf("a replica is %s", state), err)
			}
		}
		return nil
	})
	admin := staff(t, base)
	product, err := admin.NewProduct(t.Context(), "Replica lamp", "10.00", 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	s.sameAnswers(admin)
	flow := buy(t, base, product, 100)
	steady(t, flow)
	ip := func(service string) string {
		u, err := url.Parse(s.inside(s.containers(service)[0], "1"))
		if err != nil {
			t.Fatal(err)
		}
		return u.Hostname()
	}
	shops := s.containers("shop")

	for _, fault := range []struct {
		name        string
		begin, heal func()
	}{
		{"one shop is killed", func() { crash(t, shops[0]) }, func() {}},
		{"one shop is paused for longer than a lease", func() { docker(t, "pause", shops[1]) }, func() { docker(t, "unpause", shops[1]) }},
		{"one shop is cut off from PostgreSQL", func() { cut(t, shops[2], ip("postgres")) }, func() { heal(t, shops[2], ip("postgres")) }},
		{"all shops are cut off from Redis", func() { cutAll(t, shops, ip("redis")) }, func() { healAll(t, shops, ip("redis")) }},
		{"one shop is cut off from the payment provider", func() { cut(t, shops[1], ip("paysim")) }, func() { heal(t, shops[1], ip("paysim")) }},
		{"PostgreSQL is restarted", func() { s.compose("restart", "postgres") }, func() {}},
		{"each shop is replaced in turn", func() { s.rolling(base) }, func() {}},
	} {
		before := flow.accepted.Load()
		flow.longestGap()
		fault.begin()
		hold := 3 * time.Second
		if strings.Contains(fault.name, "lease") {
			hold = 12 * time.Second
		}
		wait(t, hold)
		fault.heal()
		healed := time.Now()
		steady(t, flow)
		t.Logf("%-48s longest time without an order %5.2f s; orders flow %5.2f s after it ended; %d orders meanwhile",
			fault.name, flow.longestGap().Seconds(), time.Since(healed).Seconds(), flow.accepted.Load()-before)
		shops = s.containers("shop")
		if len(shops) != 3 {
			t.Fatalf("%d replicas run after %q", len(shops), fault.name)
		}
	}
	flow.end()
	t.Logf("%d orders accepted, %d requests retried under their key, %d refused, %d without an answer",
		flow.accepted.Load(), flow.retried.Load(), flow.refused.Load(), flow.lost.Load())
	if flow.lost.Load() > 0 || flow.refused.Load() > 0 {
		t.Errorf("%d purchases were lost, %d refused", flow.lost.Load(), flow.refused.Load())
	}
	for i := range 5 {
		if err := mainJob(t.Context(), admin, fmt.Sprintf("After lamp %d", i)); err != nil {
			t.Errorf("the main job after the faults: %v", err)
		}
	}
	s.verdict(flow)
}

// steady waits until orders flow at the offered rate again: 100 in a row.
func steady(t *testing.T, f *traffic) {
	t.Helper()
	from := f.accepted.Load()
	within(t, time.Minute, "orders to flow", func(context.Context) error {
		if n := f.accepted.Load() - from; n < 100 {
			return fmt.Errorf("%d orders since", n)
		}
		return nil
	})
}

// wait lets a fault last.
func wait(t *testing.T, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

// inNetwork runs iptables in the network of a container, whose process keeps
// its namespaces.
func inNetwork(container string, args ...string) error {
	pid, err := exec.Command("docker", "inspect", "-f", "{{.State.Pid}}", container).Output()
	if err != nil {
		return err
	}
	out, err := exec.Command("nsenter", append([]string{"-t", strings.TrimSpace(string(pid)), "-n", "iptables"}, args...)...).CombinedOutput()
	return wrap(err, out)
}

// cut drops everything between a container and an address, silently, as a
// network that failed does.
func cut(t *testing.T, container, address string) {
	t.Helper()
	for _, rule := range [][]string{{"-I", "OUTPUT", "-d", address, "-j", "DROP"}, {"-I", "INPUT", "-s", address, "-j", "DROP"}} {
		if err := inNetwork(container, rule...); err != nil {
			t.Fatal(err)
		}
	}
}

func heal(t *testing.T, container, address string) {
	t.Helper()
	for _, rule := range [][]string{{"-D", "OUTPUT", "-d", address, "-j", "DROP"}, {"-D", "INPUT", "-s", address, "-j", "DROP"}} {
		if err := inNetwork(container, rule...); err != nil {
			t.Fatal(err)
		}
	}
}

func cutAll(t *testing.T, containers []string, address string) {
	for _, c := range containers {
		cut(t, c, address)
	}
}

func healAll(t *testing.T, containers []string, address string) {
	for _, c := range containers {
		heal(t, c, address)
	}
}

// rolling replaces each shop, which drains, by a new one, one after the other.
func (s *stack) rolling(base string) {
	for _, id := range s.containers("shop") {
		docker(s.t, "stop", "-t", "20", id)
		docker(s.t, "start", id)
		within(s.t, time.Minute, "the replaced shop", func(context.Context) error {
			if status := docker(s.t, "inspect", "-f", "{{.State.Health.Status}}", id); status != "healthy" {
				return fmt.Errorf("it is %s", status)
			}
			return nil
		})
	}
	within(s.t, time.Minute, "the balancer", healthy(base))
}

// sameAnswers asks each replica, by its own address, for the same things as
// the same person.
func (s *stack) sameAnswers(admin *drive.Client) {
	s.t.Helper()
	for _, path := range []string{"/api/products", "/api/orders", "/api/admin/returns"} {
		var first []byte
		for i, id := range s.containers("shop") {
			a, err := admin.At(s.inside(id, "5000")).Call(s.t.Context(), path, nil, nil)
			if err != nil {
				s.t.Errorf("%s at replica %d: %v", path, i, err)
			}
			if i == 0 {
				first = a.Body
			} else if string(a.Body) != string(first) {
				s.t.Errorf("%s: replica %d answers %s, the first %s", path, i, a.Body, first)
			}
		}
	}
}

// verdict waits until the shop is quiet, then audits it.
func (s *stack) verdict(f *traffic) {
	s.t.Helper()
	host, err := url.Parse(s.inside(s.containers("postgres")[0], "5432"))
	if err != nil {
		s.t.Fatal(err)
	}
	db, err := sqldb.Open(s.t.Context(), sqldb.Config{URL: "postgres://returnkit:returnkit@" + host.Host + "/returnkit?sslmode=disable"})
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	provider := s.inside(s.containers("paysim")[0], "12111")
	settled := within(s.t, 2*time.Minute, "every queued order settled and no invariant broken", func(ctx context.Context) error {
		ledger, err := drive.ReadLedger(ctx, provider)
		if err != nil {
			return err
		}
		found, err := audit.Check(ctx, db, ledger)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return errors.New(strings.Join(found[:min(5, len(found))], "; "))
		}
		return nil
	})
	ledgerIsClean(s.t, provider)
	var orders int64
	if err := db.Read.NewRaw("SELECT COUNT(*) FROM orders o JOIN auth_users u ON u.id = o.customer_id WHERE u.username LIKE 'buyer!_%' ESCAPE '!'").Scan(s.t.Context(), &orders); err != nil {
		s.t.Fatal(err)
	}
	if orders != f.accepted.Load() {
		s.t.Errorf("%d orders are in the database, %d were accepted", orders, f.accepted.Load())
	}
	s.t.Logf("audit: 0 violations after %.1f s; %d orders in the database", settled.Seconds(), orders)
}

// Three replicas must not cost much more for an order than one does.
func TestThreeReplicasCostAsMuchCPUAnOrderAsOne(t *testing.T) {
	need(t)
	per := map[int]float64{}
	for _, replicas := range []int{1, 3} {
		s := newStack(t, "dockercompose.replicas.yml", "THROTTLING_MAX_RPS=10000")
		s.compose("up", "-d", "--scale", "shop="+strconv.Itoa(replicas))
		base := s.address("balancer", "5000")
		within(t, time.Minute, "the first page", healthy(base))
		admin := staff(t, base)
		product, err := admin.NewProduct(t.Context(), "CPU lamp", "10.00", 1_000_000)
		if err != nil {
			t.Fatal(err)
		}
		flow := buy(t, base, product, 150)
		steady(t, flow)
		ids := s.containers("shop")
		before, orders := cpu(t, ids), flow.accepted.Load()
		wait(t, 10*time.Second)
		used, sold := cpu(t, ids)-before, flow.accepted.Load()-orders
		flow.end()
		per[replicas] = float64(sold) / used.Seconds()
		t.Logf("%d replicas: %d orders in %.2f CPU-seconds of the shops: %.0f orders a CPU-second", replicas, sold, used.Seconds(), per[replicas])
		s.compose("down", "-v", "-t", "5")
	}
	if per[3] < 0.9*per[1] {
		t.Errorf("three replicas take %.0f orders a CPU-second, one %.0f: less than 0.9 of it", per[3], per[1])
	}
}

// cpu is the processor time that containers have used, by their cgroups.
func cpu(t *testing.T, ids []string) time.Duration {
	t.Helper()
	var sum time.Duration
	for _, id := range ids {
		full := docker(t, "inspect", "-f", "{{.Id}}", id)
		found := false
		for _, c := range []struct {
			path string
			unit time.Duration
		}{
			{filepath.Join("/sys/fs/cgroup/cpuacct/docker", full, "cpuacct.usage"), time.Nanosecond},
			{filepath.Join("/sys/fs/cgroup/cpu,cpuacct/docker", full, "cpuacct.usage"), time.Nanosecond},
			{filepath.Join("/sys/fs/cgroup/docker", full, "cpu.stat"), time.Microsecond},
			{filepath.Join("/sys/fs/cgroup/system.slice", "docker-"+full+".scope", "cpu.stat"), time.Microsecond},
		} {
			text, err := os.ReadFile(c.path)
			if err != nil {
				continue
			}
			fields := strings.Fields(string(text))
			n, err := strconv.ParseInt(fields[min(1, len(fields)-1)], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += time.Duration(n) * c.unit
			found = true
			break
		}
		if !found {
			t.Fatalf("no CPU accounting of container %s", id)
		}
	}
	return sum
}
