package redisthrottle_test

import (
	"context"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/redisthrottle"
)

// One limit for all processes of a shop, and the word on what happens while
// Redis is away: here nobody listens at its address.
func ExampleNew() {
	client, err := redisthrottle.Dial("unix:///run/no-redis-here.sock")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	limiter, err := redisthrottle.New(client, "throttle:checkout:", throttle.PerSecond(100, 5))
	if err != nil {
		fmt.Println(err)
		return
	}
	guard, err := throttle.NewGuard(throttle.GuardConfig{
		Limiter:   limiter,
		OnFailure: throttle.FailOpen,
		Budget:    15 * time.Millisecond,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	v := guard.Check(context.Background(), "checkout", 1)
	fmt.Println(v.Pass, v.Result)
	// Output: true failed_open
}

// Where the address comes from is no matter for a log: errors do not repeat it.
func ExampleDial() {
	_, err := redisthrottle.Dial("https://user:secret@example.com")
	fmt.Println(err)
	// Output: redisthrottle: the Redis URL cannot be read, allowed is redis://user:password@host:port/db, rediss:// or unix:///path
}
