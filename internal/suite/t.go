package suite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const (
	mostFailures = 4    // printed of one case
	mostLines    = 8    // of one failure
	mostText     = 1200 // bytes of one failure
)

// T is the testing.TB of one case. Its methods may be called from any goroutine, and
// by one that was left behind after the case has ended: that is dropped.
type T struct {
	testing.TB
	progress atomic.Int64

	mu       sync.Mutex
	over     bool
	failures int
	calls    int
	inside   map[int]string // calls that have not returned
	helpers  map[string]bool
}

func newT(t *testing.T) *T {
	return &T{TB: t, inside: map[int]string{}, helpers: map[string]bool{}}
}

// Testing returns the subtest itself.
func (t *T) Testing() *testing.T { return t.TB.(*testing.T) }

// end drops what is said from now on, and ends each goroutine at its next call.
func (t *T) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	if rest := t.failures - mostFailures; rest > 0 {
		fmt.Fprintf(t.Output(), "and %d more failures of this case\n", rest)
	}
}

// Call counts a call of the implementation as progress, at its start and its end. A
// call after the case has ended does not return.
//
//	defer b.Call("Update")()
func (t *T) Call(name string) (returned func()) {
	t.mu.Lock()
	if t.over {
		t.mu.Unlock()
		runtime.Goexit()
	}
	t.calls++
	id := t.calls
	t.inside[id] = name
	t.mu.Unlock()
	t.progress.Add(1)
	return func() {
		t.progress.Add(1)
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.inside, id)
	}
}

// AtOnce runs f n times at once and waits. A panic of one is a failure.
func (t *T) AtOnce(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			t.protected(func() { f(i) })
		})
	}
	close(start)
	wg.Wait()
}

// Go runs f beside the case; wait returns when it has ended. A panic of f is a failure.
func (t *T) Go(f func()) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.protected(f)
	}()
	return func() { <-done }
}

// protected runs f and reports whether it returned. A panic fails the case.
func (t *T) protected(f func()) (returned bool) {
	defer func() {
		if p := recover(); p != nil {
			t.failed(fmt.Sprintf("panic: %v\n%s", p, panickedAt()))
		}
	}()
	f()
	return true
}

// panickedAt are the innermost places of the panic that is being recovered.
func panickedAt() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var lines []string
	for more := true; more && len(lines) < 5; {
		var f runtime.Frame
		if f, more = frames.Next(); !strings.HasPrefix(f.Function, "runtime.") {
			lines = append(lines, fmt.Sprintf("at %s:%d %s", filepath.Base(f.File), f.Line, shortened(f.Function)))
		}
	}
	return strings.Join(lines, "\n")
}

func shortened(function string) string { return function[strings.LastIndexByte(function, '/')+1:] }

// Helper marks the calling function as one whose lines say nothing of a failure.
func (t *T) Helper() {
	if f := callers(3); len(f) > 0 {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.helpers[f[0].Function] = true
	}
}

// callers are the frames above, skip of them left out, innermost first.
func callers(skip int) []runtime.Frame {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(skip, pcs)])
	var all []runtime.Frame
	for {
		f, more := frames.Next()
		if f.Function != "" {
			all = append(all, f)
		}
		if !more {
			return all
		}
	}
}

// failed fails the case with a message at the line that is not a helper's.
func (t *T) failed(message string) { t.say(clipped(message)) }

// Screen fails the case with a message of up to a screen, as it is.
func (t *T) Screen(message string) {
	lines := strings.Split(message, "\n")
	if len(lines) > mostScreen-4 {
		lines = append(lines[:mostScreen-5], "...")
	}
	t.say(strings.Join(lines, "\n"))
}

func (t *T) say(message string) {
	frames := callers(3)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	t.Testing().Fail()
	if t.failures++; t.failures > mostFailures {
		return
	}
	at := ""
	for _, f := range frames {
		if !t.helpers[f.Function] && !ours(f) {
			at = fmt.Sprintf("%s:%d: ", filepath.Base(f.File), f.Line)
			break
		}
	}
	fmt.Fprintln(t.Output(), at+message)
}

// ours reports whether a frame is of the bench itself, or of what runs it.
func ours(f runtime.Frame) bool {
	return strings.HasPrefix(f.Function, "runtime.") || strings.HasPrefix(f.Function, "testing.") ||
		strings.HasPrefix(f.Function, "sync.") ||
		strings.Contains(f.Function, "/internal/suite.") && !strings.HasSuffix(f.File, "_test.go")
}

// clipped is the message, mostLines and mostText long at most.
func clipped(message string) string {
	if len(message) > mostText {
		message = strings.ToValidUTF8(message[:mostText], "") + " ..."
	}
	if lines := strings.Split(message, "\n"); len(lines) > mostLines {
		message = strings.Join(append(lines[:mostLines], "..."), "\n")
	}
	return strings.ReplaceAll(message, "\n", "\n    ")
}

// Fail marks the case as failed.
func (t *T) Fail() { t.failed("failed") }

// FailNow fails the case and ends the calling goroutine.
func (t *T) FailNow() {
	t.failed("failed")
	runtime.Goexit()
}

// Error fails the case.
func (t *T) Error(args ...any) { t.failed(strings.TrimSuffix(fmt.Sprintln(args...), "\n")) }

// Errorf fails the case.
func (t *T) Errorf(format string, args ...any) { t.failed(fmt.Sprintf(format, args...)) }

// Fatal fails the case and ends the calling goroutine.
func (t *T) Fatal(args ...any) {
	t.failed(strings.TrimSuffix(fmt.Sprintln(args...), "\n"))
	runtime.Goexit()
}

// Fatalf fails the case and ends the calling goroutine.
func (t *T) Fatalf(format string, args ...any) {
	t.failed(fmt.Sprintf(format, args...))
	runtime.Goexit()
}

// Log drops what it is given: a case that passes has nothing to say.
func (t *T) Log(...any) {}

// Logf drops what it is given.
func (t *T) Logf(string, ...any) {}

// OK fails the case and ends the goroutine if err is not nil.
func (t *T) OK(err error) {
	if err != nil {
		t.failed("unexpected error: " + err.Error())
		runtime.Goexit()
	}
}

// Equal fails the case with the fields that differ.
func (t *T) Equal(what string, got, want any) {
	lines := Diff(got, want)
	switch {
	case len(lines) == 0:
	case len(lines) == 1 && strings.HasPrefix(lines[0], ": "):
		t.failed(what + lines[0])
	default:
		t.failed(what + ":\n" + strings.Join(lines, "\n"))
	}
}

// Ended makes the calls in a context that has ended, one for each method of the
// interface, and fails the case for one that does not return the context's error, and
// for a method without a call.
func (t *T) Ended(iface reflect.Type, calls map[string]func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range iface.NumMethod() {
		name := iface.Method(i).Name
		call, ok := calls[name]
		if !ok {
			t.Errorf("the suite does not call %s in a context that has ended", name)
			continue
		}
		if err := call(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s in a context that has ended: error %v, want context.Canceled", name, err)
		}
	}
}
