// Package deploy tests the compose files as an engine reads them, and the script
// that pins their images. Package deploytest runs them.
package deploy_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
)

// project is what the compose files come to.
type project struct {
	Services map[string]service
	Networks map[string]struct{ Internal bool }
}

type service struct {
	Ports       []any
	Networks    any // a list, or a map by name
	Command     any
	Environment map[string]any
	CapDrop     []string `json:"cap_drop"`
	SecurityOpt []string `json:"security_opt"`
	ReadOnly    bool     `json:"read_only"`
	PidsLimit   int      `json:"pids_limit"`
	MemLimit    any      `json:"mem_limit"`
}

var resolved sync.Map // by files and environment: a func() project

// resolve has the Compose tool read the files, once for each environment.
func resolve(t *testing.T, files []string, env ...string) project {
	t.Helper()
	env = slices.DeleteFunc(env, func(e string) bool { return strings.HasSuffix(e, "=") })
	key := strings.Join(files, " ") + " " + strings.Join(env, " ")
	once, _ := resolved.LoadOrStore(key, sync.OnceValue(func() project { return read(t, files, env) }))
	return once.(func() project)()
}

func read(t *testing.T, files, env []string) project {
	t.Helper()
	var args []string
	for _, f := range files {
		args = append(args, "-f", f)
	}
	var text string
	if exec.Command("docker", "compose", "version").Run() == nil {
		text = run(t, env, "docker", append(append([]string{"compose"}, args...), "config", "--format", "json")...)
	} else {
		if _, err := exec.LookPath("docker-compose"); err != nil {
			testreq.SkipOrFail(t, "no Compose: install the package docker-compose")
		}
		// The old tool writes YAML alone, with the library that it is made of.
		args = append([]string{"-c", `import json, subprocess, sys, yaml
out = subprocess.run(["docker-compose", *sys.argv[1:], "config"], capture_output=True, text=True)
sys.exit(out.stderr) if out.returncode else json.dump(yaml.safe_load(out.stdout), sys.stdout)`}, args...)
		text = run(t, env, "/usr/bin/python3", args...)
	}
	var p project
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatalf("%v in %.2000s", err, text)
	}
	return p
}

func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%s: %v\n%s", name, err, exit.Stderr)
		}
		t.Fatal(err)
	}
	return string(out)
}

// networks are those that a service is in, sorted.
func (s service) networks() []string {
	var names []string
	switch in := s.Networks.(type) {
	case []any:
		for _, name := range in {
			names = append(names, name.(string))
		}
	case map[string]any:
		for name := range in {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// addresses are those that the ports of a service are published on.
func (s service) addresses() []string {
	var all []string
	for _, p := range s.Ports {
		switch p := p.(type) {
		case string:
			all = append(all, p[:strings.Index(p, ":")])
		case map[string]any:
			address, _ := p["host_ip"].(string)
			all = append(all, address)
		}
	}
	return all
}

var composeFiles = map[string][]string{
	"one shop":          {"dockercompose.yml"},
	"replicas":          {"dockercompose.replicas.yml"},
	"with a standby":    {"dockercompose.replicas.yml", "dockercompose.standby.yml"},
	"the demo alone": {"dockercompose.demo.yml"},
}

// TestEachContainerReachesWhatItNeeds: the database, Redis and the simulator
// answer the shop alone, and lead nowhere else.
func TestEachContainerReachesWhatItNeeds(t *testing.T) {
	t.Parallel()
	in := map[string]string{
		"shop": "data front payments watch", "balancer": "front", "postgres": "data", "standby": "data", "redis": "data",
		"paysim": "payments", "prometheus": "watch", "grafana": "watch",
	}
	for name, files := range composeFiles {
		if strings.Contains(name, "demo") {
			continue // one container
		}
		t.Run(name, func(t *testing.T) {
			p := resolve(t, files)
			for service, s := range p.Services {
				if got := strings.Join(s.networks(), " "); got != in[service] || got == "" {
					t.Errorf("%s is in %q, want %q", service, got, in[service])
				}
			}
			for _, network := range []string{"data", "payments"} {
				if !p.Networks[network].Internal {
					t.Errorf("the network %s leads out", network)
				}
			}
		})
	}
}

// TestOnlyWhatIsMeantToIsReachedFromOutside: on loopback by default, and opening
// the shop opens neither Prometheus nor Grafana.
func TestOnlyWhatIsMeantToIsReachedFromOutside(t *testing.T) {
	t.Parallel()
	for name, files := range composeFiles {
		t.Run(name, func(t *testing.T) {
			door := "shop"
			if name == "replicas" || name == "with a standby" {
				door = "balancer"
			}
			for _, set := range []struct{ shop, operations string }{
				{"", ""}, {"0.0.0.0", ""}, {"", "0.0.0.0"},
			} {
				p := resolve(t, files, "SHOP_ADDRESS="+set.shop, "OPERATIONS_ADDRESS="+set.operations)
				for service, s := range p.Services {
					var want []string
					switch {
					case service == door:
						want = []string{or(set.shop, "127.0.0.1")}
					case service == "prometheus" || service == "grafana":
						want = []string{or(set.operations, "127.0.0.1")}
					}
					if got := s.addresses(); !slices.Equal(got, want) {
						t.Errorf("%+v: %s is published on %q, want %q", set, service, got, want)
					}
				}
			}
		})
	}
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// TestContainersAreLockedIn: no capability, no new privileges, limits.
func TestContainersAreLockedIn(t *testing.T) {
	t.Parallel()
	for name, files := range composeFiles {
		t.Run(name, func(t *testing.T) {
			for service, s := range resolve(t, files).Services {
				if !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") ||
					s.PidsLimit <= 0 || s.MemLimit == nil || !s.ReadOnly && service != "grafana" {
					t.Errorf("%s is locked in as %+v", service, s)
				}
			}
		})
	}
}

// TestRedisHasAPassword: the one that the shop is told.
func TestRedisHasAPassword(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"one shop", "replicas"} {
		for _, password := range []string{"", "other-password"} {
			p := resolve(t, composeFiles[name], "REDIS_PASSWORD="+password)
			want := or(password, "redis-of-a-demo")
			if url := p.Services["shop"].Environment["REDIS_URL"]; url != "redis://:"+want+"@redis:6379/0" {
				t.Errorf("%s: the shop is told %v", name, url)
			}
			command, err := json.Marshal(p.Services["redis"].Command)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(command), `"--requirepass","`+want+`"`) ||
				strings.Contains(string(command), "protected-mode") {
				t.Errorf("%s: Redis is started as %s", name, command)
			}
			if p.Services["redis"].Environment["REDISCLI_AUTH"] != want {
				t.Errorf("%s: the health check does not sign in", name)
			}
		}
	}
}

// TestPinWritesTheDigestsOfTheRegistryAndInventsNone runs the script with an
// engine whose registry has some of the images.
func TestPinWritesTheDigestsOfTheRegistryAndInventsNone(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("0123456789abcdef", 4)
	dir, bin := t.TempDir(), t.TempDir()
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	// The registry has postgres; of redis there is a local image without a
	// digest, and of grafana nothing.
	write(filepath.Join(bin, "docker"), `#!/bin/sh
case "$*" in
"pull --quiet postgres:15-bookworm" | "pull --quiet redis:7-bookworm") ;;
"image inspect --format "*" postgres:15-bookworm") echo "postgres@`+digest+`" ;;
"image inspect --format "*" redis:7-bookworm") echo ;;
*) exit 1 ;;
esac
`, 0o755)
	write(filepath.Join(dir, "Dockerfile"), "FROM golang:1.26 AS build\nFROM scratch\n", 0o600)
	write(filepath.Join(dir, "services.yml"), `services:
  shop:
    image: returnkit/refserver:${VERSION:-dev}
  postgres:
    image: postgres:15-bookworm
  redis:
    image: redis:7-bookworm
  grafana:
    image: grafana/grafana:11.6.0 # not tested
`, 0o600)
	write(filepath.Join(dir, "other.yml"), "services:\n  postgres:\n    image: postgres:15-bookworm\n", 0o600)
	pin := func(args ...string) (string, error) {
		cmd := exec.Command("bash", append([]string{"pin.sh"}, args...)...)
		cmd.Env = append(os.Environ(), "DEPLOY_DIR="+dir, "PATH="+bin+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	read := func() string {
		t.Helper()
		var all []string
		for _, f := range []string{"Dockerfile", "services.yml", "other.yml"} {
			text, err := os.ReadFile(filepath.Join(dir, f))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(text))
		}
		return strings.Join(all, "")
	}
	before := read()
	if out, err := pin("--check"); err == nil || read() != before {
		t.Errorf("--check with nothing pinned: %v\n%s", err, out)
	}
	want := strings.ReplaceAll(before, "postgres:15-bookworm", "postgres:15-bookworm@"+digest)
	for range 2 { // the second changes nothing
		out, err := pin()
		if err == nil {
			t.Errorf("it does not fail where digests are missing:\n%s", out)
		}
		for _, image := range []string{"golang:1.26", "redis:7-bookworm", "grafana/grafana:11.6.0"} {
			if !strings.Contains(out, "no digest for "+image+": left as it is") {
				t.Errorf("%s is not named:\n%s", image, out)
			}
		}
		if got := read(); got != want {
			t.Fatalf("the files are\n%s\nwant\n%s", got, want)
		}
	}
	if out, err := pin("--again"); err == nil || read() != want {
		t.Errorf("--again: %v\n%s", err, out)
	}
	if out, err := pin("--wrong"); err == nil || !strings.Contains(out, "unknown argument") {
		t.Errorf("a wrong argument: %v\n%s", err, out)
	}
}
