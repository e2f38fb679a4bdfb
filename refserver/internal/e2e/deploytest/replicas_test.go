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

	"github.com/returnkit/returnkit/orders/sqlstore"
	_ "github.com/returnkit/returnkit/orders/sqlstore/postgres" // the driver
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/e2e/invariants"
)

// Orders offered a second: what two cores carry beside all that runs on them,
// and what is asked of an upgrade under load.
const (
	steady = 60
	fast   = 200
)

// fault is something that goes wrong while customers buy.
type fault struct {
	name        string
	rate        int           // orders offered a second
	holds       time.Duration // how long it lasts
	begin, heal func()
}

func TestThreeReplicasLoseAndDoubleNothingUnderEachFault(t *testing.T) {
	need(t)
	s := newStack(t, "dockercompose.replicas.yml", "THROTTLING_MAX_RPS=2000")
	s.compose("build", "--quiet", "shop")
	admin, f := s.open()
	s.sameAnswers(admin)
	s.lockedIn()
	shops := func(i int) string { return s.containers("shop")[i] }
	all := func() []string { return s.containers("shop") }
	nothing := func() {}
	faults := []fault{
		{"one shop is killed", steady, 3 * time.Second, func() { crash(t, shops(0)) }, nothing},
		{
			"one shop is cut off from PostgreSQL",
			steady,
			5 * time.Second,
			func() { cut(t, s.ip("postgres"), shops(2)) },
			func() { join(t, s.ip("postgres"), shops(2)) },
		},
	}
	if !testing.Short() {
		faults = append(
			faults,
			fault{"nothing, for comparison", steady, 5 * time.Second, nothing, nothing},
			fault{
				"one shop is paused for longer than a lease",
				steady,
				12 * time.Second,
				func() { docker(t, "pause", shops(1)) },
				func() { docker(t, "unpause", shops(1)) },
			},
			fault{
				"all shops are cut off from Redis",
				steady,
				5 * time.Second,
				func() { cut(t, s.ip("redis"), all()...) },
				func() { join(t, s.ip("redis"), all()...) },
			},
			fault{
				"one shop is cut off from the provider",
				steady,
				5 * time.Second,
				func() { cut(t, s.ip("paysim"), shops(1)) },
				func() { join(t, s.ip("paysim"), shops(1)) },
			},
			fault{"PostgreSQL is restarted", steady, 0, func() { s.compose("restart", "postgres") }, nothing},
			fault{"nothing, for comparison", fast, 5 * time.Second, nothing, nothing},
			fault{"each shop is replaced by the next version", fast, 0, s.rolling, nothing},
		)
		s.next()
	}
	for _, fault := range faults {
		s.under(f, fault)
	}
	for i := range 3 {
		if err := mainJob(t.Context(), admin, fmt.Sprintf("After lamp %d", i)); err != nil {
			t.Errorf("the main job after the faults: %v", err)
		}
	}
	t.Logf("in all: %s", s.verdict(f))
}

// open brings three replicas up, with customers to buy there.
func (s *stack) open() (admin *client.Client, f *traffic) {
	s.t.Helper()
	started := time.Now()
	s.compose("up", "-d")
	base := s.address("balancer", "5000")
	within(s.t, time.Minute, "the first page through the balancer", healthy(base))
	within(s.t, time.Minute, "three replicas", s.replicasHealthy)
	s.t.Logf("three replicas up and healthy after %.1f s", time.Since(started).Seconds())
	admin = staff(s.t, base)
	product, err := admin.NewProduct(s.t.Context(), "Replica lamp", "10.00", 1_000_000)
	if err != nil {
		s.t.Fatal(err)
	}
	return admin, newTraffic(s.t, base, product)
}

func (s *stack) replicasHealthy(context.Context) error {
	ids := s.containers("shop")
	if len(ids) != 3 {
		return fmt.Errorf("%d replicas", len(ids))
	}
	for _, id := range ids {
		if state := docker(s.t, "inspect", "-f", "{{.State.Health.Status}}", id); state != "healthy" {
			return fmt.Errorf("a replica is %s", state)
		}
	}
	return nil
}

// under lets customers buy while something goes wrong, and audits the shop
// after it.
func (s *stack) under(f *traffic, fault fault) {
	s.t.Helper()
	offered, accepted, retried := f.offered.Load(), f.accepted.Load(), f.retried.Load()
	started := time.Now()
	f.offer(fault.rate)
	within(s.t, time.Minute, "orders to flow", func(context.Context) error {
		if n := f.accepted.Load() - accepted; n < int64(fault.rate) {
			return fmt.Errorf("%d orders yet", n)
		}
		return nil
	})
	fault.begin()
	wait(s.t, fault.holds)
	fault.heal()
	// All is well when every replica is, and all that was due meanwhile has
	// been answered.
	due := f.offered.Load()
	recovered := within(s.t, 2*time.Minute, "recovery after "+fault.name, func(ctx context.Context) error {
		if n := due - f.answered(); n > 0 {
			return fmt.Errorf("%d orders wait", n)
		}
		return s.replicasHealthy(ctx)
	})
	wait(s.t, 2*time.Second)
	lasted := time.Since(started)
	f.pause()
	carried := float64(f.accepted.Load()-accepted) / time.Since(started).Seconds()
	gap, p50, p99 := f.seen()
	s.t.Logf(
		"%s\n    %.0f orders/s offered for %.0f s, %d of %d accepted (%.0f/s), %d requests retried under their key; "+
			"longest time without an order %.2f s, p50 %.0f ms, p99 %.0f ms\n"+
			"    recovered %.1f s after it ended\n    %s",
		fault.name,
		float64(f.offered.Load()-offered)/lasted.Seconds(),
		lasted.Seconds(),
		f.accepted.Load()-accepted,
		f.offered.Load()-offered,
		carried,
		f.retried.Load()-retried,
		gap.Seconds(),
		p50.Seconds()*1e3,
		p99.Seconds()*1e3,
		recovered.Seconds(),
		s.verdict(f),
	)
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
	out, err := exec.Command(
		"nsenter",
		append([]string{"-t", strings.TrimSpace(string(pid)), "-n", "iptables"}, args...)...).CombinedOutput()
	return wrap(err, out)
}

// cut drops everything between an address and containers, silently, as a
// network that failed does.
func cut(t *testing.T, address string, containers ...string) {
	t.Helper()
	rules(t, "-I", address, containers)
}

// join undoes cut.
func join(t *testing.T, address string, containers ...string) {
	t.Helper()
	rules(t, "-D", address, containers)
}

func rules(t *testing.T, do, address string, containers []string) {
	t.Helper()
	for _, c := range containers {
		for _, rule := range [][]string{
			{do, "OUTPUT", "-d", address, "-j", "DROP"}, {do, "INPUT", "-s", address, "-j", "DROP"},
		} {
			if err := inNetwork(c, rule...); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// ip is the address of a service's container on its network.
func (s *stack) ip(service string) string {
	s.t.Helper()
	u, err := url.Parse(s.inside(s.containers(service)[0], "1"))
	if err != nil {
		s.t.Fatal(err)
	}
	return u.Hostname()
}

// next builds the next version of the shop, which rolling brings in.
func (s *stack) next() {
	s.env = append(s.env, "VERSION=next")
	s.compose("build", "--quiet", "shop")
}

// rolling replaces each shop by one of the next version: it drains and goes,
// and the next starts in its place.
func (s *stack) rolling() {
	s.t.Helper()
	for _, id := range s.containers("shop") {
		docker(s.t, "stop", id)
		docker(s.t, "rm", id)
		s.compose("up", "-d", "--no-deps", "--no-recreate", "--scale", "shop=3", "shop")
		within(s.t, time.Minute, "the next version", s.replicasHealthy)
	}
	for _, id := range s.containers("shop") {
		if said := docker(s.t, "exec", id, "/refserver", "version"); !strings.Contains(said, "refserver next,") {
			s.t.Errorf("a replica is %q after the upgrade", said)
		}
	}
}

// sameAnswers asks each replica, by its own address, for the same things as
// the same person.
func (s *stack) sameAnswers(admin *client.Client) {
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

// verdict waits until the shop is quiet, then audits it and says how it found
// it.
func (s *stack) verdict(f *traffic) string {
	s.t.Helper()
	if f.lost.Load() > 0 || f.refused.Load() > 0 {
		s.t.Errorf("%d purchases were lost, %d refused", f.lost.Load(), f.refused.Load())
	}
	db, err := sqlstore.OpenConfig(
		s.t.Context(),
		sqlstore.Config{
			URL:      "postgres://returnkit:returnkit@" + s.ip(s.database) + ":5432/returnkit?sslmode=disable",
			MaxConns: 2,
		},
	)
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	provider := s.inside(s.containers("paysim")[0], "12111")
	settled := within(
		s.t,
		2*time.Minute,
		"every queued order settled and no invariant broken",
		func(ctx context.Context) error {
			ledger, err := client.ReadLedger(ctx, provider)
			if err != nil {
				return err
			}
			found, err := invariants.Check(ctx, db, ledger)
			if err != nil {
				return err
			}
			if len(found) > 0 {
				return errors.New(strings.Join(found[:min(5, len(found))], "; "))
			}
			return nil
		},
	)
	ledger := ledgerIsClean(s.t, provider)
	var orders int64
	const bought = `SELECT COUNT(*) FROM ?(rk)orders o JOIN ?(rk)auth_users u ON u.id = o.customer_id
		WHERE u.username LIKE 'buyer!_%' ESCAPE '!'`
	if err := db.Reader().NewRaw(bought).Scan(s.t.Context(), &orders); err != nil {
		s.t.Fatal(err)
	}
	if orders != f.accepted.Load() {
		s.t.Errorf("%d orders are in the database, %d were accepted", orders, f.accepted.Load())
	}
	return fmt.Sprintf(
		"audit after %.1f s: I1 to I11 hold; %d orders accepted, %d in the database, %d charges at the provider, "+
			"none twice",
		settled.Seconds(),
		f.accepted.Load(),
		orders,
		len(ledger.Charges),
	)
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
		f := newTraffic(t, base, product)
		f.offer(150)
		wait(t, 5*time.Second)
		ids := s.containers("shop")
		before, orders := cpu(t, ids), f.accepted.Load()
		wait(t, 20*time.Second)
		used, sold := cpu(t, ids)-before, f.accepted.Load()-orders
		f.pause()
		per[replicas] = float64(sold) / used.Seconds()
		t.Logf(
			"%d replicas: %d orders in %.2f CPU-seconds of the shops: %.0f orders a CPU-second",
			replicas,
			sold,
			used.Seconds(),
			per[replicas],
		)
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
