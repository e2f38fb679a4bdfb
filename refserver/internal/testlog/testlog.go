// Package testlog keeps what the shops of all tests log, so that it can be
// searched for secrets when the tests are done. Where the variable TEST_LOG_DIR
// names a folder, every line of every level goes there; the command leaks looks
// through it.
package testlog

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	slogmulti "github.com/samber/slog-multi"

	"github.com/returnkit/returnkit/observability"
)

// Env is the variable that names the folder, which has to be there.
const Env = "TEST_LOG_DIR"

// New returns the log of a test's shop: lines from the level on are shown with
// the test, and Env's folder gets all. events may be nil.
func New(tb testing.TB, shown slog.Level, events *observability.Metrics) *slog.Logger {
	tb.Helper()
	handler := func(c observability.LogConfig) slog.Handler {
		h, err := observability.NewLogHandler(c)
		if err != nil {
			tb.Fatal(err)
		}
		return h
	}
	h := handler(observability.LogConfig{Writer: tb.Output(), Level: shown, Events: events})
	if os.Getenv(Env) != "" {
		h = slogmulti.Fanout(h, handler(observability.LogConfig{Writer: File(tb), Level: slog.LevelDebug}))
	}
	return slog.New(h)
}

// File returns where the log of a process that a test starts goes, too:
// a file of its own in Env's folder, or nowhere.
func File(tb testing.TB) io.Writer {
	tb.Helper()
	dir := os.Getenv(Env)
	if dir == "" {
		return io.Discard
	}
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == os.PathSeparator {
			return '_'
		}
		return r
	}, tb.Name())
	f, err := os.CreateTemp(dir, fmt.Sprintf("%.80s-*.log", name))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := f.Close(); err != nil {
			tb.Error(err)
		}
	})
	return f
}

// Level is the LOG_LEVEL of a process whose log goes to File, too: quiet, or
// all where it is kept.
func Level(quiet string) string {
	if os.Getenv(Env) != "" {
		return "debug"
	}
	return quiet
}

// Secret has the command leaks look for these values in all logs.
func Secret(tb testing.TB, values ...string) {
	tb.Helper()
	dir := os.Getenv(Env)
	if dir == "" {
		return
	}
	f, err := os.OpenFile(filepath.Join(dir, secretsFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	for _, v := range values {
		if len(v) < shortest || strings.Contains(v, "\n") {
			tb.Errorf("testlog: %q is too short to be looked for, or has more than one line", v)
			continue
		}
		if _, err := f.WriteString(v + "\n"); err != nil { // whole: one write to a file opened to append
			tb.Error(err)
		}
	}
	if err := f.Close(); err != nil {
		tb.Error(err)
	}
}

// Cookies has the command leaks look for the cookies a client has of a site.
func Cookies(tb testing.TB, jar http.CookieJar, site string) {
	tb.Helper()
	address, err := url.Parse(site)
	if err != nil {
		tb.Fatal(err)
	}
	for _, c := range jar.Cookies(address) {
		Secret(tb, c.Value)
	}
}
