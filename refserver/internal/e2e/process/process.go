// Package process runs the shop's program for tests: it builds it once, starts it, waits for
// the address that it prints, and keeps what it prints.
package process

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/testlog"
)

// program is the package that is built.
const program = "github.com/returnkit/returnkit/refserver"

// built is the program of this process of tests.
var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// Binary returns the path of the program, which it builds at the first call. The package's
// TestMain calls Main, which removes it.
func Binary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "returnkit-process-"); built.err == nil {
			built.path = filepath.Join(built.dir, "refserver.bin")
			built.err = Build(built.path)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// Build builds the program to a path, with settings of its own for the go command.
func Build(path string, settings ...string) error {
	build := exec.Command("go", "build", "-o", path, program)
	build.Env = append(os.Environ(), settings...)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return nil
}

// Main runs the tests of a package and ends the process.
func Main(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// Process is a program that was started.
type Process struct {
	URL string // the address that it printed; see Open

	t     testing.TB
	cmd   *exec.Cmd
	found chan string
	done  chan struct{}
	err   error // how it ended, once done is closed

	mu  sync.Mutex
	out bytes.Buffer // the end of what it printed
}

// kept is how much of what a process prints is kept.
const kept = 4 << 20

// Start starts a command that runs the program, and ends it with the test. What it prints on
// its standard output is a log, which is searched for secrets.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{t: t, cmd: cmd, found: make(chan string, 1), done: make(chan struct{})}
	cmd.Stdout = io.MultiWriter(p, testlog.File(t))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stderr)
	t.Cleanup(p.Stop)
	return p
}

var address = regexp.MustCompile(`http://[0-9A-Za-z.\[\]:]+`)

// read keeps what the process prints until it has ended.
func (p *Process) read(stderr io.Reader) {
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadString('\n')
		_, _ = p.Write([]byte(line))
		if url := address.FindString(line); url != "" {
			select {
			case p.found <- url:
			default: // the first is it
			}
		}
		if err != nil {
			break
		}
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

// Open waits for the address that the process prints, and reports whether it did: false says
// that it ended before.
func (p *Process) Open() bool {
	p.t.Helper()
	select {
	case p.URL = <-p.found:
		return true
	case <-p.done:
		return false
	case <-time.After(testreq.Patience(p.t)):
		p.t.Fatalf("%s printed no address\n%s", p, p.Tail())
	}
	return false
}

// MustOpen is Open for a process that is to stay; it returns p.
func (p *Process) MustOpen() *Process {
	p.t.Helper()
	if !p.Open() {
		p.t.Fatalf("%s ended: %v\n%s", p, p.err, p.Tail())
	}
	return p
}

// String names the process by its arguments.
func (p *Process) String() string { return strings.Join(p.cmd.Args[1:], " ") }

// ID is the number of the process.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// Write keeps the end of what is printed.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out.Len() > kept {
		p.out.Next(kept / 2)
	}
	return p.out.Write(b)
}

// Output is what the process has printed, up to 4 MiB of its end.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// Tail is the end of the output, for a message.
func (p *Process) Tail() string {
	out := p.Output()
	return strings.TrimSpace(out[max(0, len(out)-8000):])
}

// Wait waits until the process has ended, and returns how.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Signal sends a signal. A process that has ended can't be signaled, and need not be.
func (p *Process) Signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// Kill is kill -9.
func (p *Process) Kill() {
	p.Signal(os.Kill)
	<-p.done
}

// Stop ends the process the polite way.
func (p *Process) Stop() {
	p.t.Helper()
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(testreq.Patience(p.t)):
		p.t.Errorf("%s did not stop\n%s", p, p.Tail())
		p.Kill()
	}
}
