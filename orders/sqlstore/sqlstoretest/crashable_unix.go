//go:build unix

package sqlstoretest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
)

// Crashable is a PostgreSQL server of a test's own, with commits flushed to
// disk, that the test may kill and start again on the same files.
type Crashable struct {
	t    testing.TB
	dir  string
	bin  string
	attr *syscall.SysProcAttr
	cmd  *exec.Cmd
	done chan error
}

// StartCrashable makes a server that goes with the test, or ends the test when
// there are no binaries of PostgreSQL.
func StartCrashable(t testing.TB) *Crashable {
	t.Helper()
	bin, err := findBinaries()
	if errors.Is(err, errNoServer) {
		testreq.SkipOrFail(t, err.Error())
	}
	dir, err := os.MkdirTemp("/tmp", "returnkit-pg-")
	if err != nil {
		t.Fatal(err)
	}
	c := &Crashable{t: t, dir: dir, bin: bin, attr: &syscall.SysProcAttr{Setpgid: true}}
	t.Cleanup(func() {
		c.Kill()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if os.Geteuid() == 0 {
		cred, err := unprivileged()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			t.Fatal(err)
		}
		c.attr.Credential = cred
	}
	init := c.command(
		"initdb",
		"-D",
		filepath.Join(dir, "data"),
		"-U",
		"postgres",
		"-A",
		"trust",
		"-E",
		"UTF8",
		"--locale=C",
	)
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	c.Start()
	return c
}

func (c *Crashable) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir = c.dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), isPostgresEnv), "LC_ALL=C")
	cmd.SysProcAttr = c.attr
	return cmd
}

// URL names the server's database.
func (c *Crashable) URL() string {
	return "postgres:///postgres?sslmode=disable&user=postgres&host=" + c.dir
}

// Start starts the server and waits until it has recovered and answers.
func (c *Crashable) Start() {
	c.t.Helper()
	c.cmd = c.command(
		"postgres",
		"-D",
		filepath.Join(c.dir, "data"),
		"-k",
		c.dir,
		"-c",
		"listen_addresses=",
		"-c",
		"max_connections=100",
		"-c",
		"shared_buffers=64MB",
	)
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	c.cmd.Stdout, c.cmd.Stderr = log, log
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan error) { done <- cmd.Wait() }(c.cmd, c.done)
	if err := awaitServer(c.URL(), c.done); err != nil {
		said, _ := os.ReadFile(filepath.Join(c.dir, "log"))
		c.t.Fatalf("start PostgreSQL again: %v\n%s", err, said)
	}
}

// Kill kills every process of the server at once, as a power cut would, and
// returns when none is left. The server is a process group of its own, but
// each of its children leads another.
func (c *Crashable) Kill() {
	if c.cmd == nil {
		return
	}
	// Stopped first: it must start no child between the look and the kill.
	_ = syscall.Kill(c.cmd.Process.Pid, syscall.SIGSTOP)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		if state, _ := stat(c.cmd.Process.Pid); state != "R" && state != "S" && state != "D" {
			break // stopped, gone, or on a system that does not tell
		}
	}
	children := c.children()
	for _, pid := range append(children, c.cmd.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
	}
	<-c.done
	c.cmd = nil
	for deadline := time.Now().Add(10 * time.Second); ; {
		left := slices.DeleteFunc(slices.Clone(children), func(pid int) bool {
			state, _ := stat(pid)
			return state == "" || state == "Z" // the process that inherits it need not have reaped it
		})
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			c.t.Errorf("processes %v of PostgreSQL can't be killed", left)
			return
		}
		runtime.Gosched()
	}
}

// children are the processes that the server has started, where the system
// tells; elsewhere they end by themselves when they find the server gone.
func (c *Crashable) children() []int {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	var pids []int
	for _, name := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			continue
		}
		if _, parent := stat(pid); parent == c.cmd.Process.Pid {
			pids = append(pids, pid)
		}
	}
	return pids
}

// stat is the state of a process and its parent; "" when there is none.
func stat(pid int) (state string, parent int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	// pid (name) state ppid ...; the name may hold anything.
	rest := string(text[strings.LastIndexByte(string(text), ')')+1:])
	if _, err := fmt.Sscan(rest, &state, &parent); err != nil {
		return "", 0
	}
	return state, parent
}
