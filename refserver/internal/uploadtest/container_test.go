//go:build linux && deploy

package uploadtest

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/e2e/process"
)

// inContainer starts a shop in a container that has as much memory as the compose files give
// it, swap included, on the host's network. Its image is empty: all it has is the binary and
// the folder of its data, on disk, since files in memory would count as the shop's.
func inContainer(t *testing.T) *shop {
	t.Helper()
	if err := exec.Command("docker", "info").Run(); err != nil {
		testreq.SkipOrFail(t, "no Docker engine answers: install and start one")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "refserver")
	if err := process.Build(binary, "CGO_ENABLED=0"); err != nil {
		t.Fatal(err)
	}
	const image = "returnkit/empty"
	empty := exec.Command("sh", "-c", "tar -c -T /dev/null | docker import - "+image)
	if out, err := empty.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	name := "returnkit-upload-" + strconv.Itoa(os.Getpid())
	args := []string{
		"run", "--name", name, "--network", "host", "--memory", strconv.Itoa(container),
		"--memory-swap", strconv.Itoa(container), "--volume", dir + ":" + dir, "--workdir", dir,
	}
	for _, setting := range settingsIn(dir) {
		args = append(args, "--env", setting)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("docker", "rm", "--force", name).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	run := exec.Command("docker", append(args, image, binary, "--env-file", filepath.Join(dir, "none"))...)
	p := &shop{Process: process.Start(t, run).MustOpen(), t: t, dir: dir}
	t.Cleanup(func() {
		if killed := inspect(t, name, "{{.State.OOMKilled}}"); killed != "false" {
			t.Errorf("killed for its memory: %s", killed)
		}
	})
	pid, err := strconv.Atoi(inspect(t, name, "{{.State.Pid}}"))
	if err != nil {
		t.Fatal(err)
	}
	p.pid = pid
	return p
}

func inspect(t *testing.T, name, format string) string {
	t.Helper()
	out, err := exec.Command("docker", "inspect", "--format", format, name).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestFiftyAttacksAtOnceInAContainer: each attack on uploads by fifty at once against a shop
// in 512 MB. It is not killed, and people who look around and buy are served as before.
func TestFiftyAttacksAtOnceInAContainer(t *testing.T) {
	p := inContainer(t)
	var accounts []customer
	for i := range 8 {
		accounts = append(accounts, p.customer(fmt.Sprintf("mallory%d", i)))
	}
	ada, bea, photo := p.customer("ada"), p.customer("bea"), honest(t)
	over := make(chan struct{})
	close(over)
	quiet := bea.shops(t, 30, over)
	t.Logf("at rest %d MiB, people served in %v (95th percentile)", p.peak()>>20, quiet)
	for _, a := range attacks(t) {
		if a.times = 50; testing.Short() {
			a.times = 12
		}
		t.Run(a.name, func(t *testing.T) {
			p.reset()
			answers, done, attacked := a.begin(accounts)
			var slowest atomic.Int64
			served := make(chan struct{})
			go func() {
				defer close(served)
				slowest.Store(int64(bea.shops(t, 30, attacked)))
			}()
			ada.beside(t, photo, 0, done, attacked)
			<-attacked
			<-served
			// A busy machine is slow without an attack: the second is one of a quiet machine.
			p95, limit := time.Duration(slowest.Load()), max(time.Second, 20*quiet)
			t.Logf("peak %d MiB of %d; %v; people served in %v (95th percentile)",
				p.peak()>>20, container>>20, count(answers), p95)
			a.judge(t, answers)
			if p95 > limit {
				t.Errorf("people were served in %v, want %v at most", p95, limit)
			}
		})
	}
	if t.Failed() {
		t.Logf("the shop's last lines:\n%s", p.Tail())
	}
	if log := p.Tail(); strings.Contains(log, "panic") {
		t.Errorf("it panicked:\n%s", log)
	}
}

// shops looks around and buys until the attack is over, at least so many times, and returns
// the 95th percentile of how long a request took.
func (c customer) shops(t *testing.T, times int, over <-chan struct{}) time.Duration {
	var took []time.Duration
	for i := 0; ; i++ {
		for _, ask := range []func() (*http.Response, error){
			func() (*http.Response, error) { return c.c.Get(c.p.URL + "/") },
			func() (*http.Response, error) {
				return c.c.PostForm(c.p.URL+"/add_to_cart", url.Values{"product_id": {"2"}})
			},
			func() (*http.Response, error) {
				return c.c.PostForm(c.p.URL+"/checkout", url.Values{"payment_method": {"Cash"}})
			},
		} {
			begun := time.Now()
			res, err := ask()
			if err != nil {
				t.Error(err)
				return 0
			}
			res.Body.Close()
			took = append(took, time.Since(begun))
			if res.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", res.Request.URL.Path, res.Status)
				return 0
			}
		}
		select {
		case <-over:
			if i+1 >= times {
				slices.Sort(took)
				return took[len(took)*95/100]
			}
		default:
		}
	}
}
