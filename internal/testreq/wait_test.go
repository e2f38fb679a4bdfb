package testreq

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// fake is a test with a deadline of its own, which ends by a panic.
type fake struct {
	testing.TB
	left time.Duration // 0 is no deadline
	ctx  context.Context
}

func (f fake) Helper()                    {}
func (f fake) Context() context.Context   { return f.ctx }
func (f fake) Fatalf(s string, is ...any) { panic(fmt.Sprintf(s, is...)) }
func (f fake) Deadline() (time.Time, bool) {
	return time.Now().Add(f.left), f.left != 0
}

func TestPatienceIsHalfOfWhatIsLeft(t *testing.T) {
	for name, tt := range map[string]struct {
		tb   testing.TB
		want time.Duration
	}{
		"a deadline":            {fake{left: time.Hour}, 30 * time.Minute},
		"no deadline":           {fake{}, noDeadline},
		"a test that hides it":  {struct{ testing.TB }{t}, noDeadline},
		"a deadline that is by": {fake{left: -time.Hour}, -30 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Patience(tt.tb); got > tt.want || got < tt.want-time.Minute {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestUntilReturnsAtOnceAndFailsAfterThePatience(t *testing.T) {
	looked := 0
	Until(fake{left: time.Hour}, "the third look", func() bool { looked++; return looked == 3 })
	if looked != 3 {
		t.Errorf("looked %d times", looked)
	}
	defer func() {
		if got, want := recover(), "waited 0s for what never happens"; got != want {
			t.Errorf("%v, want %q", got, want)
		}
	}()
	Until(fake{left: 20 * time.Millisecond}, "what never happens", func() bool { return false })
}

func TestContextOutlivesTheTestInACleanup(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	ctx, cancel := Context(fake{left: time.Hour, ctx: ended})
	defer cancel()
	end()
	if ctx.Err() == nil {
		t.Error("the end of the test does not end its context")
	}
	ctx, cancel = Context(fake{left: time.Hour, ctx: ended})
	defer cancel()
	if deadline, ok := ctx.Deadline(); ctx.Err() != nil || !ok || time.Until(deadline) > 30*time.Minute {
		t.Errorf("in a cleanup: %v, until %v", ctx.Err(), deadline)
	}
}
