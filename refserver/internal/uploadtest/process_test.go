//go:build linux

package uploadtest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
)

var (
	buildOnce sync.Once
	buildPath string
	buildErr  error
)

// shopBinary builds the shop once.
func shopBinary(t *testing.T) string {
	t.Helper()
	buildOnce.Do(func() {
		var dir string
		if dir, buildErr = os.MkdirTemp("", "returnkit-upload-"); buildErr != nil {
			return
		}
		buildPath = filepath.Join(dir, "refserver")
		if out, err := exec.Command("go", "build", "-o", buildPath, "../..").CombinedOutput(); err != nil {
			buildErr = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	return buildPath
}

func TestMain(m *testing.M) {
	code := m.Run()
	if buildPath != "" {
		_ = os.RemoveAll(filepath.Dir(buildPath))
	}
	os.Exit(code)
}

// container is how much memory the compose files give the shop, and goLimit
// what package memory makes of it.
const (
	container = 512 << 20
	goLimit   = container / 100 * 85
)

// process is a shop in a process of its own.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	pid  int // of the shop
	dir  string
	url  string
	done chan struct{}

	mu  sync.Mutex
	log bytes.Buffer
}

var address = regexp.MustCompile(`http://[0-9.:]+`)

// room is how much the attacks have on disk at a time, with as much again.
const room = 3 << 30

// dataDir is a directory for a shop, in memory where that has room: how fast a
// disk takes half a gigabyte in is not what is tested.
func dataDir(t *testing.T) string {
	t.Helper()
	const memory = "/dev/shm"
	var fs syscall.Statfs_t
	if err := syscall.Statfs(memory, &fs); err != nil || int64(fs.Bavail)*fs.Bsize < room {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "returnkit-upload-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// launch starts a shop.
func launch(t *testing.T, settings ...string) *process {
	t.Helper()
	dir := dataDir(t)
	cmd := exec.Command(shopBinary(t), "--env-file", filepath.Join(dir, "none"))
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, fmt.Sprintf("GOMEMLIMIT=%d", goLimit)},
		append(settingsIn(dir), settings...)...)
	p := start(t, dir, cmd)
	p.pid = cmd.Process.Pid
	return p
}

// settingsIn are the settings of a shop that keeps its data below dir, and has nowhere else
// to put a file.
func settingsIn(dir string) []string {
	return []string{
		"TMPDIR=" + filepath.Join(dir, "no temporary files here"), "PORT=0", "HOST=127.0.0.1",
		"DATA_DIR=" + filepath.Join(dir, "data"), "LOG_LEVEL=warn", "THROTTLING_MAX_RPS=10000",
	}
}

// start starts a command that runs the shop and waits for the address that it prints.
func start(t *testing.T, dir string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, dir: dir, done: make(chan struct{})}
	p.cmd.Stdout = p
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if url := address.FindString(lines.Text()); url != "" {
				select {
				case found <- url:
				default: // the first is it
				}
			}
			_, _ = p.Write(append(lines.Bytes(), '\n'))
		}
		_ = p.cmd.Wait() // how it ended is seen in what it answers
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(testreq.Patience(t)):
			_ = p.cmd.Process.Kill()
			<-p.done
		}
	})
	select {
	case p.url = <-found:
	case <-p.done:
		t.Fatalf("it stopped\n%s", p.tail())
	case <-time.After(testreq.Patience(t)):
		t.Fatalf("it printed no address\n%s", p.tail())
	}
	return p
}

// Write keeps what the process prints.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.log.Bytes()
	return string(b[max(0, len(b)-8000):])
}

// peak is the most memory the process has held since reset, in bytes.
func (p *process) peak() int64 {
	p.t.Helper()
	status, err := os.Open(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		p.t.Fatalf("the shop is gone: %v\n%s", err, p.tail())
	}
	defer status.Close()
	text, err := io.ReadAll(status)
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return n << 10
		}
	}
	p.t.Fatalf("the shop has ended\n%s", p.tail())
	return 0
}

// reset has peak count from now on, where the kernel lets it.
func (p *process) reset() {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.pid), []byte("5"), 0)
}
