package redisthrottle_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/redistest"
	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/redisthrottle"
	"github.com/returnkit/returnkit/throttle/throttletest"
)

const (
	shopEnv = "REDISTHROTTLE_TEST_SHOP" // the URL, in a process that is a shop
	shops   = 8
	seconds = 3
	offers  = 25 // by each shop in each second: 200 in all
)

var shopLimit = throttle.PerSecond(2, 1)

// TestMain lets the test program be one of several shop processes.
func TestMain(m *testing.M) {
	url := os.Getenv(shopEnv)
	if url == "" {
		os.Exit(m.Run())
	}
	if err := runShop(url, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// runShop says that it is ready, waits for the word, and offers requests at an
// even pace. Of each second it prints how many passed.
func runShop(url string, in io.Reader, out io.Writer) error {
	client, err := redisthrottle.Dial(url)
	if err != nil {
		return err
	}
	defer client.Close()
	l, err := redisthrottle.New(client, "shop:", shopLimit)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := l.Take(ctx, "checkout", 0); err != nil { // connects
		return err
	}
	fmt.Fprintln(out, "ready")
	if _, err := bufio.NewReader(in).ReadString('\n'); err != nil {
		return err
	}
	pace := time.NewTicker(time.Second / offers)
	defer pace.Stop()
	for range seconds {
		passed := 0
		for range offers {
			d, err := l.Take(ctx, "checkout", 1)
			if err != nil {
				return err
			}
			if d.Allowed {
				passed++
			}
			<-pace.C
		}
		fmt.Fprintln(out, passed)
	}
	return nil
}

// TestEightShopsShareOneLimit is the case that a limit in each process gets
// wrong: 200 requests are offered in a second to 8 processes that are allowed 2
// a second together.
func TestEightShopsShareOneLimit(t *testing.T) {
	t.Parallel()
	url := redistest.Start(t).URL()
	var inputs []io.Writer
	var outputs []*bufio.Reader
	for range shops {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), shopEnv+"="+url)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Wait() })
		inputs, outputs = append(inputs, in), append(outputs, bufio.NewReader(out))
	}
	for _, out := range outputs {
		if line, err := out.ReadString('\n'); line != "ready\n" {
			t.Fatalf("a shop says %q, %v", line, err)
		}
	}
	start := time.Now()
	for _, in := range inputs {
		fmt.Fprintln(in, "go")
	}
	total := 0
	for s := 1; s <= seconds; s++ {
		for _, out := range outputs {
			var n int
			if _, err := fmt.Fscan(out, &n); err != nil {
				t.Fatalf("a shop: %v", err)
			}
			total += n
		}
		took := time.Since(start)
		allowed := int(shopLimit.Burst + int64(took)*shopLimit.Count/int64(time.Second))
		t.Logf(
			"after %v: %d offered, %d passed, the law (%v) allows %d",
			took,
			s*shops*offers,
			total,
			shopLimit,
			allowed,
		)
		if total > allowed {
			t.Errorf("after %v %d passed, the law allows %d", took, total, allowed)
		}
		if s == 1 && took < 1400*time.Millisecond && total > 3 {
			t.Errorf("in the first second %d passed, want at most 3", total)
		}
		if total < 2*s-1 {
			t.Errorf("after %v only %d passed", took, total)
		}
	}
}

// TestEightClientsUnderRace has 64 goroutines of 8 clients take all they can.
func TestEightClientsUnderRace(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var limiters []throttle.Limiter
	for range shops {
		limiters = append(limiters, newLimiter(t, dial(t, server.URL()), throttle.PerSecond(50, 10)))
	}
	throttletest.Law(t, 20_000, limiters...)
}
