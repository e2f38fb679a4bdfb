package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"

	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

var address = regexp.MustCompile(`http://localhost:\d+`)

// firstAddress gets what a shop says, and sends the first address in it.
type firstAddress struct {
	mu    sync.Mutex
	said  bytes.Buffer
	found chan string
}

// Write implements io.Writer.
func (a *firstAddress) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.found != nil {
		a.said.Write(p)
		if at := address.Find(a.said.Bytes()); at != nil {
			a.found <- string(at)
			a.found = nil
		}
	}
	return len(p), nil
}

// openShops starts the shop of each tree on a database of its own, on one PostgreSQL that
// flushes every commit to disk. They stop when env is closed.
func openShops(e *env, trees []*tree) error {
	if err := os.Setenv("SQLSTORETEST_FSYNC", "on"); err != nil {
		return err
	}
	for _, t := range trees {
		cmd := exec.CommandContext(e.ctx, filepath.Join(t.bin, "refserver"), "serve")
		cmd.Dir = t.bin
		cmd.Env = append(os.Environ(), "DATABASE_URL="+sqlstoretest.PostgresURL(e), "PORT=0", "DATA_DIR="+t.bin,
			"THROTTLING_MAX_RPS=5000", "REGISTRATIONS_PER_HOUR=100000")
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		found, ended := make(chan string, 1), make(chan error, 1)
		cmd.Stderr = &firstAddress{found: found}
		if err := cmd.Start(); err != nil {
			return err
		}
		go func() { ended <- cmd.Wait() }()
		e.Cleanup(func() {
			_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
			<-ended
		})
		select {
		case t.url = <-found:
		case err := <-ended:
			ended <- err
			return fmt.Errorf("the shop of %s stopped: %v", t.dir, err)
		}
	}
	return nil
}
