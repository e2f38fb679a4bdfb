package app

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAJobThatDoesNotSucceedIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j jobs
		if err := j.Check(t.Context()); err != nil {
			t.Errorf("before the first call: %v", err)
		}
		broken := errors.New("no database")
		j.worked(t.Context(), "charge", time.Millisecond, nil)
		j.worked(t.Context(), "expire", time.Millisecond, broken)
		time.Sleep(50 * time.Second)
		j.worked(t.Context(), "charge", time.Millisecond, nil)
		j.worked(t.Context(), "expire", time.Millisecond, broken)
		if err := j.Check(t.Context()); err != nil {
			t.Errorf("within the minute: %v", err)
		}
		time.Sleep(20 * time.Second)
		err := j.Check(t.Context())
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "expire") ||
			strings.Contains(err.Error(), "charge") {
			t.Errorf("after 70 s of errors: %v", err)
		}
		j.worked(t.Context(), "expire", time.Millisecond, nil)
		if err := j.Check(t.Context()); err != nil {
			t.Errorf("after a success: %v", err)
		}
		time.Sleep(2 * time.Minute) // a call that does not end
		if err := j.Check(t.Context()); err == nil {
			t.Error("jobs that hang are not reported")
		}
	})
}
