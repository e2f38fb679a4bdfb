// Package redistest gives tests a Redis of their own: redis-server on a Unix
// socket in a private folder, gone when the test ends, or with the test process,
// however that ends. Without the program the test is skipped, or fails with
// REQUIRE_ALL=1.
package redistest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
)

// Server is a Redis. Its methods are for one goroutine.
type Server struct {
	dir    string
	cmd    *exec.Cmd
	stdin  io.Closer
	exited chan error
}

// Start starts an empty Redis, or ends the test.
func Start(tb testing.TB) *Server {
	tb.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		testreq.SkipOrFail(tb, "no redis-server in PATH: install Redis")
	}
	// A Unix socket allows some 100 characters in its path, so the folder is
	// not below TMPDIR, which may be long.
	dir, err := os.MkdirTemp("/tmp", "returnkit-redis-")
	if err != nil {
		tb.Fatalf("start Redis: %v", err)
	}
	s := &Server{dir: dir}
	tb.Cleanup(func() {
		s.Kill()
		if err := os.RemoveAll(dir); err != nil {
			tb.Errorf("remove the folder of the test's Redis: %v", err)
		}
	})
	s.Restart(tb)
	return s
}

// Socket returns the path of the Unix socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, "redis.sock") }

// URL returns the address as a URL, such as unix:///tmp/x/redis.sock.
func (s *Server) URL() string { return "unix://" + s.Socket() }

// script runs the server until its standard input ends: the test process holds
// the other end of that pipe, so the server can't outlive it.
const script = `
redis-server --port 0 --unixsocket "$1/redis.sock" --save "" --appendonly no --dir "$1" </dev/null &
pid=$!
trap '' INT
(read -r _; kill -KILL "$pid" 2>/dev/null) <&3 &
reader=$!
wait "$pid"
kill "$reader" 2>/dev/null
`

// Restart starts the server again after Kill, empty, on the same socket.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	log := &syncBuffer{}
	r, w, err := os.Pipe()
	if err != nil {
		tb.Fatalf("start Redis: %v", err)
	}
	defer r.Close()
	s.stdin = w
	s.cmd = exec.Command("/bin/sh", "-c", script, "sh", s.dir)
	s.cmd.ExtraFiles = []*os.File{r} // descriptor 3
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		tb.Fatalf("start Redis: %v", err)
	}
	s.exited = make(chan error, 1)
	go func(cmd *exec.Cmd, exited chan<- error) { exited <- cmd.Wait() }(s.cmd, s.exited)
	if err := s.await(); err != nil {
		tb.Fatalf("start Redis: %v\n%s", err, log)
	}
}

// await polls until the server answers.
func (s *Server) await() error {
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ping(s.Socket())
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no answer within 30 s: %w", err)
		}
		select {
		case <-tick.C:
		case exit := <-s.exited:
			s.cmd = nil
			return fmt.Errorf("it ended: %w", exit)
		}
	}
}

func ping(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer := make([]byte, 7)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if string(answer) != "+PONG\r\n" {
		return errors.New("unexpected answer " + string(answer))
	}
	return nil
}

// Kill ends the server at once, as a crash would, and waits until it is gone. A
// server that is not running is left alone.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.stdin.Close() // the script's reader kills the server
	<-s.exited
	s.cmd = nil
	_ = os.Remove(s.Socket())
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
