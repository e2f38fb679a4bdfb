//go:build deploy

package deploytest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
)

// revision is what the test builds stamp into the image.
const revision = "0123456789abcdef"

// deploy is the folder of the compose files.
var deploy = filepath.Join("..", "..", "..", "deploy")

// need ends a test that has no engine to run on.
func need(t *testing.T) {
	t.Helper()
	if err := exec.Command("docker", "info").Run(); err != nil {
		testreq.SkipOrFail(t, "no Docker engine answers: install and start one")
	}
	standins.Do(func() {
		// Where the base images can't be pulled, stand-ins carry their names.
		out, err := exec.Command("bash", filepath.Join(deploy, "standins.sh")).CombinedOutput()
		standinsErr = wrap(err, out)
	})
	if standinsErr != nil {
		t.Fatal(standinsErr)
	}
}

var (
	standins    sync.Once
	standinsErr error
)

func wrap(err error, out []byte) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w\n%s", err, bytes.TrimSpace(out))
}

// stack is a compose project that is up.
type stack struct {
	t        *testing.T
	name     string
	files    []string
	env      []string
	database string // the service that is the database now
}

// composeCommand is the Compose tool: the plugin, or the program of its own.
func composeCommand() []string {
	if exec.Command("docker", "compose", "version").Run() == nil {
		return []string{"docker", "compose"}
	}
	return []string{"docker-compose"}
}

// newStack is a project of compose files, separated by spaces, that is taken
// down with the test.
func newStack(t *testing.T, files string, env ...string) *stack {
	t.Helper()
	s := &stack{t: t, name: "returnkit" + strconv.Itoa(os.Getpid()), files: strings.Fields(files), database: "postgres"}
	s.env = append(
		os.Environ(),
		"SHOP_PORT=0",
		"PROMETHEUS_PORT=0",
		"VERSION=test",
		"REVISION="+revision,
		"DOCKER_BUILDKIT=0",
	)
	s.env = append(s.env, env...)
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := s.try("logs", "--tail", "40")
			t.Logf("logs:\n%s", out)
		}
		if out, err := s.try("down", "-v", "-t", "5"); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
		s.leftNothing()
	})
	return s
}

func (s *stack) try(args ...string) ([]byte, error) {
	command := append(composeCommand(), "-p", s.name)
	for _, f := range s.files {
		command = append(command, "-f", filepath.Join(deploy, f))
	}
	command = append(command, args...)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = s.env
	return cmd.CombinedOutput()
}

func (s *stack) compose(args ...string) string {
	s.t.Helper()
	out, err := s.try(args...)
	if err != nil {
		s.t.Fatalf("compose %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// leftNothing asserts that no container, volume or network of the project is
// left.
func (s *stack) leftNothing() {
	label := "label=com.docker.compose.project=" + s.name
	for _, args := range [][]string{
		{"ps", "-aq", "--filter", label}, {"volume", "ls", "-q", "--filter", label},
		{"network", "ls", "-q", "--filter", label},
	} {
		out, err := exec.Command("docker", args...).CombinedOutput()
		if err != nil || len(bytes.TrimSpace(out)) > 0 {
			s.t.Errorf("docker %s: left %q, %v", strings.Join(args, " "), out, err)
		}
	}
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// containers are the ids of a service's containers, in order of their names.
func (s *stack) containers(service string) []string {
	s.t.Helper()
	out := docker(
		s.t,
		"ps",
		"-a",
		"--format",
		"{{.Names}} {{.ID}}",
		"--filter",
		"label=com.docker.compose.project="+s.name,
		"--filter",
		"label=com.docker.compose.service="+service,
	)
	lines := strings.Split(out, "\n")
	slices.Sort(lines)
	var ids []string
	for _, l := range lines {
		if _, id, ok := strings.Cut(l, " "); ok {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		s.t.Fatalf("the service %s has no container", service)
	}
	return ids
}

// address is where a port of a service is reachable from here.
func (s *stack) address(service, port string) string {
	s.t.Helper()
	url, err := s.tryAddress(service, port)
	if err != nil {
		s.t.Fatal(err)
	}
	return url
}

// tryAddress is address for a container that may be down: one that comes back
// has another port.
func (s *stack) tryAddress(service, port string) (string, error) {
	out, err := exec.Command("docker", "port", s.containers(service)[0], port+"/tcp").CombinedOutput()
	if err != nil {
		return "", wrap(err, out)
	}
	return "http://" + strings.Split(string(bytes.TrimSpace(out)), "\n")[0], nil
}

// inside is the address of a container's port on its own network, reachable
// from the machine that runs the engine.
func (s *stack) inside(container, port string) string {
	s.t.Helper()
	var networks map[string]struct{ IPAddress string }
	text := docker(s.t, "inspect", "-f", "{{json .NetworkSettings.Networks}}", container)
	if err := json.Unmarshal([]byte(text), &networks); err != nil {
		s.t.Fatal(err)
	}
	for _, n := range networks {
		if n.IPAddress != "" {
			return "http://" + n.IPAddress + ":" + port
		}
	}
	s.t.Fatalf("container %s has no address", container)
	return ""
}

// crash kills the process of a container the way a crash does: the engine's
// own kill would count as a wish that it stays down.
func crash(t *testing.T, container string) {
	t.Helper()
	pid := docker(t, "inspect", "-f", "{{.State.Pid}}", container)
	if out, err := exec.Command("kill", "-9", pid).CombinedOutput(); err != nil {
		t.Fatalf("kill %s: %v %s", pid, err, out)
	}
}

// within polls until done succeeds and returns how long that took.
func within(t *testing.T, limit time.Duration, what string, done func(context.Context) error) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	started := time.Now()
	if err := client.Until(ctx, 100*time.Millisecond, done); err != nil {
		t.Fatalf("%s, within %s: %v", what, limit, err)
	}
	return time.Since(started)
}

// staff signs in the super admin.
func staff(t *testing.T, base string) *client.Client {
	t.Helper()
	c := client.New(base, 10*time.Second)
	within(
		t,
		time.Minute,
		"signing in",
		func(ctx context.Context) error { return c.SignIn(ctx, "super_admin", "super_admin_92587") },
	)
	return c
}

// healthy asks for the health report.
func healthy(base string) func(context.Context) error {
	c := client.New(base, 5*time.Second)
	return func(ctx context.Context) error {
		a, err := c.Call(ctx, "/health", nil, nil)
		if err == nil && a.Status != 200 {
			return fmt.Errorf("health: %d %s", a.Status, a.Body)
		}
		return err
	}
}
