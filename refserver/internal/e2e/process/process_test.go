package process_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/e2e/process"
)

// script is a program that stands for the shop's.
func script(t *testing.T, text string) *process.Process {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		testreq.SkipOrFail(t, "there is no shell")
	}
	return process.Start(t, exec.Command(sh, "-c", text))
}

func TestTheFirstAddressIsTaken(t *testing.T) {
	p := script(t, "echo at http://127.0.0.1:5000/ >&2; echo and http://127.0.0.1:6000 >&2; exec sleep 1000")
	if p.MustOpen().URL != "http://127.0.0.1:5000" {
		t.Errorf("the address is %q", p.URL)
	}
	p.Kill()
	if err := p.Wait(); err == nil {
		t.Error("a process that was killed ended well")
	}
}

func TestAProcessThatEndsOpensNothing(t *testing.T) {
	p := script(t, "echo out; echo wrong setting >&2; exit 3")
	if p.Open() {
		t.Errorf("it opened %q", p.URL)
	}
	if err := p.Wait(); err == nil || err.Error() != "exit status 3" {
		t.Errorf("it ended with %v", err)
	}
	if out := p.Output(); !strings.Contains(out, "wrong setting") || !strings.Contains(out, "out\n") {
		t.Errorf("it printed %q", out)
	}
}

func TestAProcessIsStoppedThePoliteWay(t *testing.T) {
	p := script(t, `trap 'echo bye; exit 0' TERM; echo http://127.0.0.1:1 >&2; while :; do sleep 0.01; done`).MustOpen()
	p.Stop()
	if err := p.Wait(); err != nil || !strings.Contains(p.Output(), "bye") {
		t.Errorf("it ended with %v and printed %q", err, p.Output())
	}
}
