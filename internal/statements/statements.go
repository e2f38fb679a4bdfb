// Package statements notes what a database is sent, for tests that hold the cost of a call.
package statements

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"
)

// Log notes the statements that a database is sent. It is a hook of bun, ready for use, and
// safe for concurrent use.
type Log struct {
	mu  sync.Mutex
	all []string // the steps of transactions too
}

// Watch has a log note what db is sent from now on.
func Watch(db interface{ AddQueryHook(bun.QueryHook) }) *Log {
	l := &Log{}
	db.AddQueryHook(l)
	return l
}

// BeforeQuery implements bun.QueryHook.
func (l *Log) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

// AfterQuery implements bun.QueryHook.
func (l *Log) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, e.Query)
}

// Sent returns the statements since the last Take, without BEGIN, COMMIT and ROLLBACK.
func (l *Log) Sent() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.all), func(q string) bool {
		return q == "BEGIN" || q == "COMMIT" || q == "ROLLBACK"
	})
}

// Count returns how many of all since the last Take begin with text, such as COMMIT.
func (l *Log) Count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range l.all {
		if strings.HasPrefix(q, text) {
			n++
		}
	}
	return n
}

// Take returns what Sent does and the number of commits, and begins again.
func (l *Log) Take() (sent []string, commits int) {
	sent, commits = l.Sent(), l.Count("COMMIT")
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = nil
	return sent, commits
}

// Want takes, and fails where the numbers are others.
func (l *Log) Want(t testing.TB, what string, sent, commits int) {
	t.Helper()
	got, n := l.Take()
	t.Logf("%s: %d statements and %d commits", what, len(got), n)
	if len(got) != sent || n != commits {
		t.Errorf("%s: %d statements and %d commits, want %d and %d:\n%s",
			what, len(got), n, sent, commits, strings.Join(got, "\n"))
	}
}
