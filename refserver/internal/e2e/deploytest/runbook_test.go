//go:build deploy

package deploytest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runbookBlock is commands of the runbook, and where they stand.
type runbookBlock struct{ section, commands string }

// readRunbook returns the indented blocks of the runbook in their order.
func readRunbook(t *testing.T) []runbookBlock {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(deploy, "..", "docs", "runbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []runbookBlock
	section, inside := "", false
	for line := range strings.Lines(string(raw)) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(name)
		}
		command, ok := strings.CutPrefix(line, "    ")
		if ok && !inside {
			blocks = append(blocks, runbookBlock{section: section})
		}
		if inside = ok; ok {
			blocks[len(blocks)-1].commands += command
		}
	}
	return blocks
}

// preface lets a block of the runbook run where the Compose tool is a program
// of its own, and where BuildKit is not there.
const preface = `set -euo pipefail
export DOCKER_BUILDKIT=0
docker() {
	if [ "$1" = compose ] && ! command docker compose version >/dev/null 2>&1; then
		shift
		docker-compose "$@"
	else
		command docker "$@"
	fi
}
`

func TestTheRunbookDoesWhatItSaysWordForWord(t *testing.T) {
	need(t)
	for _, port := range []string{"5000", "9090", "12111"} {
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatalf("the runbook needs the port: %v", err)
		}
		_ = l.Close()
	}
	blocks := readRunbook(t)
	if len(blocks) < 10 {
		t.Fatalf("%d blocks of commands were found", len(blocks))
	}
	// A checkout of its own: commands leave files in it.
	checkout := filepath.Join(t.TempDir(), "checkout")
	root, err := filepath.Abs(filepath.Join(deploy, "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	copied := exec.Command(
		"bash",
		"-c",
		`mkdir "$2" && cd "$1" && git ls-files -co --exclude-standard -z | tar -c --null -T - | tar -x -C "$2"`,
		"-",
		root,
		checkout,
	)
	if out, err := copied.CombinedOutput(); err != nil {
		t.Fatalf("copying the checkout: %v\n%s", err, out)
	}
	for i, b := range blocks {
		t.Run(fmt.Sprintf("%d %s", i+1, b.section), func(t *testing.T) {
			ctx, cancel := untilTheEnd(t)
			defer cancel()
			said, err := os.Create(filepath.Join(t.TempDir(), "output"))
			if err != nil {
				t.Fatal(err)
			}
			defer said.Close()
			cmd := exec.CommandContext(ctx, "bash", "-c", preface+b.commands)
			cmd.Dir = checkout
			cmd.Env = append(os.Environ(), "DATA_DIR="+t.TempDir())
			cmd.Stdout, cmd.Stderr = said, said
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			started := time.Now()
			err = cmd.Run()
			if cmd.Process == nil {
				t.Fatal(err)
			}
			// What a block leaves running in the background ends with it.
			within(t, time.Minute, "the end of what runs in the background", func(context.Context) error {
				if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM); !errors.Is(err, syscall.ESRCH) {
					return errors.Join(errors.New("it runs"), err)
				}
				return nil
			})
			out, readErr := os.ReadFile(said.Name())
			if readErr != nil {
				t.Fatal(readErr)
			}
			text := strings.TrimSpace(string(out))
			if err != nil {
				t.Errorf("%v\n%s\n%s", err, b.commands, text)
				down := exec.Command("bash", "-c", preface+`cd refserver/deploy
docker compose -f dockercompose.demo.yml down -v --remove-orphans
docker compose -f dockercompose.replicas.yml -f dockercompose.standby.yml down -v --remove-orphans`)
				down.Dir = checkout
				if out, err := down.CombinedOutput(); err != nil {
					t.Errorf("taking down what it left: %v\n%s", err, out)
				}
				return
			}
			t.Logf("%s\nended well after %.0f s, with\n%s", b.commands, time.Since(started).Seconds(), last(text, 40))
		})
	}
}

// untilTheEnd ends a minute before the time of all tests is up, so that a block that hangs is shown and its
// containers are taken down. A block has no limit of its own: the loads take as long as the machine is slow.
func untilTheEnd(t *testing.T) (context.Context, context.CancelFunc) {
	end, ok := t.Deadline()
	if !ok {
		return context.WithCancel(t.Context())
	}
	return context.WithDeadline(t.Context(), end.Add(-time.Minute))
}

// noise is what the engine and the shop's log say: the transcript is of what
// the commands say.
var noise = regexp.MustCompile(
	`(?m)^(\{"timestamp|Creating |Stopping |Removing |Building |Step \d| *--->|WARNING|Successfully |Sending ).*\n?`,
)

// last returns the last n lines that are no noise.
func last(text string, n int) string {
	lines := strings.Split(noise.ReplaceAllString(text, ""), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
