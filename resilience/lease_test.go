package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

func TestKeepLease(t *testing.T) {
	down := errors.New("the database is down")
	type answer struct {
		held bool
		err  error
	}
	held, lost, failed := answer{held: true}, answer{}, answer{err: down}
	for name, tt := range map[string]struct {
		answers []answer // the last one again and again
		lostAt  time.Duration
		cause   error
	}{
		"is renewed three times as often as it must be": {answers: []answer{held}},
		"is lost when another one has taken it":         {answers: []answer{held, lost}, lostAt: 20 * time.Second},
		"outlives failures":                             {answers: []answer{failed, failed, failed, failed, held}},
		"is lost when renew gives up after a failure": {
			answers: []answer{held, failed, lost}, lostAt: 30 * time.Second, cause: down,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, calls := time.Now(), 0
				ctx, stop := resilience.KeepLease(t.Context(), 30*time.Second, func(context.Context) (bool, error) {
					a := tt.answers[min(calls, len(tt.answers)-1)]
					calls++
					return a.held, a.err
				})
				defer stop()
				select {
				case <-ctx.Done():
				case <-time.After(time.Hour):
				}
				if tt.lostAt == 0 {
					if ctx.Err() != nil || calls != 359 && calls != 360 {
						t.Fatalf("after an hour: %v, %d renewals", context.Cause(ctx), calls)
					}
					return
				}
				cause := context.Cause(ctx)
				if took := time.Since(start); took != tt.lostAt || !errors.Is(cause, resilience.ErrLeaseLost) {
					t.Errorf("ended after %v: %v; want the lease lost after %v", took, cause, tt.lostAt)
				}
				if tt.cause != nil && !errors.Is(cause, tt.cause) {
					t.Errorf("the cause is %v, want %v in it", cause, tt.cause)
				}
			})
		})
	}
}

func TestKeepLeaseStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := make(chan struct{})
		var ended bool
		ctx, stop := resilience.KeepLease(t.Context(), 3*time.Second, func(ctx context.Context) (bool, error) {
			close(began)
			<-ctx.Done()
			ended = true
			return false, ctx.Err()
		})
		<-began
		stop()
		stop()
		if !ended {
			t.Error("stop returned while a renewal was under way")
		}
		if cause := context.Cause(ctx); cause != context.Canceled {
			t.Errorf("the cause is %v, want %v", cause, context.Canceled)
		}
	})
}

// Work on a row that others leave alone for as long as its lease is renewed.
func ExampleKeepLease() {
	renew := func(context.Context) (held bool, err error) {
		// UPDATE jobs SET lease_until = ... WHERE id = ... AND lease_token = ...
		return true, nil
	}
	ctx, stop := resilience.KeepLease(context.Background(), 10*time.Second, renew)
	defer stop()

	fmt.Println("working:", ctx.Err() == nil)
	// Output: working: true
}
