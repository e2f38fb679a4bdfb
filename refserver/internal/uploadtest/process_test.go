//go:build linux

package uploadtest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/e2e/process"
)

func TestMain(m *testing.M) { process.Main(m) }

// container is how much memory the compose files give the shop, and goLimit
// what package memory makes of it.
const (
	container = 512 << 20
	goLimit   = container / 100 * 85
)

// shop is a shop in a process of its own.
type shop struct {
	*process.Process
	t   *testing.T
	pid int // of the shop
	dir string
}

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
func launch(t *testing.T, settings ...string) *shop {
	t.Helper()
	dir := dataDir(t)
	cmd := exec.Command(process.Binary(t), "--env-file", filepath.Join(dir, "none"))
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, fmt.Sprintf("GOMEMLIMIT=%d", goLimit)},
		append(settingsIn(dir), settings...)...)
	p := process.Start(t, cmd).MustOpen()
	return &shop{Process: p, t: t, pid: p.ID(), dir: dir}
}

// settingsIn are the settings of a shop that keeps its data below dir, and has nowhere else
// to put a file.
func settingsIn(dir string) []string {
	return []string{
		"TMPDIR=" + filepath.Join(dir, "no temporary files here"), "PORT=0", "HOST=127.0.0.1",
		"DATA_DIR=" + filepath.Join(dir, "data"), "LOG_LEVEL=warn", "THROTTLING_MAX_RPS=10000",
	}
}

// peak is the most memory the process has held since reset, in bytes.
func (p *shop) peak() int64 {
	p.t.Helper()
	status, err := os.Open(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		p.t.Fatalf("the shop is gone: %v\n%s", err, p.Tail())
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
	p.t.Fatalf("the shop has ended\n%s", p.Tail())
	return 0
}

// reset has peak count from now on, where the kernel lets it.
func (p *shop) reset() {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.pid), []byte("5"), 0)
}
