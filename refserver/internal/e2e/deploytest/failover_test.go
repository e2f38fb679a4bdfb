//go:build deploy

package deploytest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// What PostgreSQL confirmed is on the standby too, so its loss loses nothing.
func TestNoOrderIsLostWhenASynchronousStandbyTakesOver(t *testing.T) {
	need(t)
	s := newStack(t, "dockercompose.replicas.yml dockercompose.standby.yml", "THROTTLING_MAX_RPS=2000")
	s.compose("build", "--quiet", "shop")
	admin, f := s.open()
	s.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
	s.sql("postgres", "SELECT pg_reload_conf()")
	within(t, time.Minute, "the standby to be waited for", func(context.Context) error {
		if state := s.sql("postgres", "SELECT sync_state FROM pg_stat_replication"); state != "sync" {
			return fmt.Errorf("it is %q", state)
		}
		return nil
	})

	s.under(f, fault{"nothing, with a synchronous standby", steady, 5 * time.Second, func() {}, func() {}})
	s.under(f, fault{"PostgreSQL is lost and the standby promoted", steady, 0, func() {
		// As a machine that is gone: no connection is closed, nothing comes back.
		cut(t, s.ip("postgres"), s.containers("shop")...)
		docker(t, "kill", s.containers("postgres")[0])
		if said := s.sql("standby", "SELECT pg_promote()"); said != "t" {
			t.Fatalf("promoting the standby: %s", said)
		}
		s.database = "standby"
	}, func() {}})
	if err := mainJob(t.Context(), admin, "Failover lamp"); err != nil {
		t.Errorf("the main job after the failover: %v", err)
	}
	t.Logf("in all: %s", s.verdict(f))
}

// sql runs a statement in a database's own container.
func (s *stack) sql(service, statement string) string {
	s.t.Helper()
	out := s.compose("exec", "-T", service, "psql", "-U", "returnkit", "-d", "returnkit", "-Atc", statement)
	return strings.TrimSpace(out)
}
