package redisthrottle_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/rueidis"

	"github.com/returnkit/returnkit/internal/redistest"
	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/internal/law"
	"github.com/returnkit/returnkit/throttle/redisthrottle"
	"github.com/returnkit/returnkit/throttle/throttletest"
)

type arrival struct {
	at      time.Duration
	key     string
	replica int
}

// traffic is an attacker at 20 times the limit, all of it at one replica, beside
// 40 honest clients at the other.
func traffic(limit throttle.Limit, lasts time.Duration, honest float64) []arrival {
	rng := rand.New(rand.NewPCG(1, 2))
	var all []arrival
	add := func(key string, rate float64, replica int) {
		for at := rng.ExpFloat64() / rate; at < lasts.Seconds(); at += rng.ExpFloat64() / rate {
			all = append(all, arrival{time.Duration(at * 1e9), key, replica})
		}
	}
	add("attacker", 20*float64(limit.Count), 0)
	for i := range 40 {
		add(fmt.Sprint("honest ", i), honest, 1)
	}
	slices.SortFunc(all, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	return all
}

// TestOneAttackerAtOneReplicaTakesNothingFromTheOthers runs in simulated time.
func TestOneAttackerAtOneReplicaTakesNothingFromTheOthers(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for _, cfg := range []throttle.FairConfig{
		{Limit: throttle.PerSecond(100, 5)},
		{Limit: throttle.PerSecond(100, 10), MaxWait: throttle.NoWait},
		{Limit: throttle.PerSecond(100, 1)},
	} {
		t.Run(cfg.Limit.String(), func(t *testing.T) {
			var replicas [2]func(time.Time, string, int64) (throttle.Decision, time.Duration, error)
			for i := range replicas {
				var err error
				replicas[i], err = redisthrottle.NewClockedFair(dial(t, server.URL()), "fair:"+cfg.Limit.String(), cfg)
				if err != nil {
					t.Fatal(err)
				}
			}
			const lasts = 4 * time.Second
			var admitted []law.Arrival
			asked, passed, greedy := 0, 0, 0
			for _, a := range traffic(cfg.Limit, lasts, 1) {
				d, wait, err := replicas[a.replica](epoch.Add(a.at), a.key, 1)
				if err != nil {
					t.Fatal(err)
				}
				if d.Allowed {
					admitted = append(admitted, law.Arrival{At: a.at + wait, Cost: 1})
				}
				switch {
				case a.key != "attacker":
					asked++
					if d.Allowed {
						passed++
					}
				case d.Allowed:
					greedy++
				}
			}
			used := float64(passed+greedy) / (float64(cfg.Limit.Count) * lasts.Seconds())
			t.Logf("%d of %d honest requests passed, %d of the attacker's, %.1f %% of the limit used",
				passed, asked, greedy, 100*used)
			if passed*100 < asked*95 || used < 0.97 {
				t.Errorf("%d of %d honest requests passed, %.1f %% of the limit used", passed, asked, 100*used)
			}
			if broken := law.Breaks(cfg.Limit.Count, cfg.Limit.Per, cfg.Limit.Burst, admitted); broken != "" {
				t.Error(broken)
			}
		})
	}
}

// TestFairWithOneKeyConforms: alone, a key has the limit to the last unit.
func TestFairWithOneKeyConforms(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.Start(t).URL())
	n := 0
	throttletest.Steps(t, func(t *testing.T, l throttle.Limit) throttletest.Take {
		n++
		reserve, err := redisthrottle.NewClockedFair(client, fmt.Sprint("one:", n, ":"),
			throttle.FairConfig{Limit: l, MaxWait: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		return func(at time.Duration, key string, cost int64) (throttle.Decision, error) {
			d, wait, err := reserve(epoch.Add(at), key, cost)
			if wait > 0 {
				t.Errorf("a key alone waits %v", wait)
			}
			return d, err
		}
	})
}

func TestUnitsGivenBackToRedisCanBeTakenAgain(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.Start(t).URL())
	limit := throttle.Limit{Count: 1, Per: time.Hour, Burst: 3}
	fair, err := redisthrottle.NewFair(client, "fair:", throttle.FairConfig{Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]throttle.Restorer{"Limiter": newLimiter(t, client, limit), "Fair": fair} {
		take := func(want bool) {
			t.Helper()
			if d, err := l.Take(t.Context(), "a", 1); d.Allowed != want || err != nil {
				t.Errorf("%s: %+v, %v, want %v", name, d, err, want)
			}
		}
		if err := l.Restore(t.Context(), "a", 3); err != nil { // nothing was taken
			t.Error(err)
		}
		for range 3 {
			take(true)
		}
		take(false)
		if err := l.Restore(t.Context(), "a", 2); err != nil {
			t.Error(err)
		}
		take(true)
		take(true)
		take(false)
		if err := l.Restore(t.Context(), "a", 4); !errors.Is(err, throttle.ErrCost) {
			t.Errorf("%s takes 4 back: %v", name, err)
		}
	}
}

// failures are the ways in which a Redis decides nothing, and their end.
var failures = []struct {
	name       string
	begin, end func(t *testing.T, admin rueidis.Client)
	errorHas   string
}{
	{"a replica that may not be written to",
		func(t *testing.T, c rueidis.Client) { do(t, c, "REPLICAOF", "127.0.0.1", "1") },
		func(t *testing.T, c rueidis.Client) { do(t, c, "REPLICAOF", "NO", "ONE") }, "READONLY"},
	{"out of memory",
		func(t *testing.T, c rueidis.Client) { do(t, c, "CONFIG", "SET", "maxmemory", "1") },
		func(t *testing.T, c rueidis.Client) { do(t, c, "CONFIG", "SET", "maxmemory", "0") }, "OOM"},
	{"a foreign value under our keys",
		func(t *testing.T, c rueidis.Client) {
			do(t, c, "DEL", "fair:all", "fair:ping")
			do(t, c, "LPUSH", "fair:all", "not ours")
		},
		func(t *testing.T, c rueidis.Client) { do(t, c, "DEL", "fair:all") }, "WRONGTYPE"},
	{"paused",
		func(t *testing.T, c rueidis.Client) { do(t, c, "CLIENT", "PAUSE", "600000", "WRITE") },
		func(t *testing.T, c rueidis.Client) { do(t, c, "CLIENT", "UNPAUSE") }, "deadline"},
}

func do(t *testing.T, c rueidis.Client, words ...string) {
	t.Helper()
	if err := c.Do(t.Context(), c.B().Arbitrary(words...).Build()).Error(); err != nil {
		t.Fatalf("%v: %v", words, err)
	}
}

// fallback is a shared limit of 1,000 a second that is 10 without Redis.
func fallback(t *testing.T, client rueidis.Client) *throttle.Fallback {
	t.Helper()
	shared, err := redisthrottle.NewFair(client, "fair:", throttle.FairConfig{Limit: throttle.PerSecond(1000, 1000)})
	if err != nil {
		t.Fatal(err)
	}
	local, err := throttle.NewFair(throttle.FairConfig{
		Limit: throttle.Limit{Count: 1, Per: time.Hour, Burst: 5}, MaxKeys: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := throttle.NewFallback(throttle.FallbackConfig{
		Shared: shared, Local: local, Budget: 500 * time.Millisecond, RetryEvery: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// passed asks n times and counts those that pass.
func passed(t *testing.T, l throttle.Limiter, n int) (passed int) {
	t.Helper()
	for range n {
		d, err := l.Take(t.Context(), "a", 1)
		if err != nil {
			t.Fatal(err)
		}
		if d.Allowed {
			passed++
		}
	}
	return passed
}

// TestWithoutRedisEachReplicaLimitsByItself is faults O5 and S11 and their
// siblings: whatever Redis answers, the limit is never off.
func TestWithoutRedisEachReplicaLimitsByItself(t *testing.T) {
	t.Parallel()
	for _, tt := range failures {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			admin := dial(t, server.URL())
			f := fallback(t, dial(t, server.URL()))
			await(t, "Redis", func() bool { return f.Check(t.Context()) == nil })
			if n := passed(t, f, 50); n != 50 {
				t.Errorf("with Redis %d of 50 pass", n)
			}
			tt.begin(t, admin)
			if n := passed(t, f, 50); n > 5 {
				t.Errorf("%d of 50 pass, the replica's own burst is 5", n)
			}
			if err := f.Degraded(); err == nil || !strings.Contains(err.Error(), tt.errorHas) {
				t.Errorf("degraded: %v, want %s", err, tt.errorHas)
			}
			tt.end(t, admin)
			await(t, "Redis to decide again", func() bool { return passed(t, f, 1) == 1 && f.Degraded() == nil })
			if n := passed(t, f, 50); n != 50 {
				t.Errorf("afterwards %d of 50 pass", n)
			}
		})
	}
}

func TestAShopStartsWhateverItsRedisAnswers(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	admin := dial(t, server.URL())
	do(t, admin, "CONFIG", "SET", "maxclients", "1")
	f := fallback(t, dial(t, server.URL()))
	if n := passed(t, f, 20); n > 5 || f.Degraded() == nil {
		t.Errorf("with too many clients %d of 20 pass, %v", n, f.Degraded())
	}
	do(t, admin, "CONFIG", "SET", "maxclients", "100")
	await(t, "Redis to decide", func() bool { return passed(t, f, 1) == 1 && f.Degraded() == nil })

	for _, says := range []string{
		"LOADING Redis is loading the dataset in memory", "MOVED 3999 127.0.0.1:6381",
		"CLUSTERDOWN The cluster is down",
		"MISCONF Errors writing to the AOF file", "NOREPLICAS Not enough good replicas to write", "ERR something new",
	} {
		t.Run(says, func(t *testing.T) {
			f := fallback(t, dial(t, answering(t, "-"+says+"\r\n")))
			if n := passed(t, f, 20); n > 5 || f.Degraded() == nil {
				t.Errorf("%d of 20 pass, %v", n, f.Degraded())
			}
		})
	}
	for _, says := range []string{"+OK\r\n", ":7\r\n", "$-1\r\n", "*4\r\n:-5\r\n:1\r\n:0\r\n:0\r\n",
		"*4\r\n:0\r\n:1\r\n:0\r\n:-1\r\n",
		"*4\r\n:0\r\n:0\r\n:0\r\n:9223372036854775807\r\n", // to come again in 292 years
		"*-5\r\n", "$-2\r\n", "*2147483647\r\n", "%99999999999\r\n", "$9223372036854775807\r\n",
		strings.Repeat("*1\r\n", 1<<20), "*?\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n",
		"*1\r\n:0\r\n", "*4\r\n:99999999999999\r\n:1\r\n:0\r\n:0\r\n", "*4\r\n$1\r\nx\r\n:1\r\n:0\r\n:0\r\n"} {
		t.Run(strconv.Quote(says), func(t *testing.T) {
			f := fallback(t, dial(t, answering(t, says)))
			if n := passed(t, f, 20); n > 5 {
				t.Errorf("%d of 20 pass", n)
			}
		})
	}
}

// TestAServerThatSpeaksFirst: the client panicked when it read an answer before
// it had asked.
func TestAServerThatSpeaksFirst(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Skipf("a Unix socket in the test's folder: %v", err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "-ERR max number of clients reached\r\n")
			_ = conn.Close()
		}
	}()
	for range 100 {
		client, err := redisthrottle.Dial("unix://" + listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, err = newLimiter(t, client, throttle.PerSecond(1, 1)).Take(t.Context(), "a", 1)
		if err == nil {
			t.Error("a decision of a server that makes none")
		}
		client.Close()
	}
}

func TestNothingIsReadBeforeItWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		conn := redisthrottle.AskFirst(ours)
		read := make(chan string, 2)
		receive := func() {
			b := make([]byte, 10)
			n, err := conn.Read(b)
			read <- fmt.Sprint(string(b[:n]), err != nil)
		}
		go receive()
		go func() { _, _ = io.WriteString(theirs, "too early") }()
		synctest.Wait()
		if len(read) != 0 {
			t.Errorf("read before anything was asked: %q", <-read)
		}
		go func() { _, _ = theirs.Read(make([]byte, 4)) }()
		if _, err := io.WriteString(conn, "ask"); err != nil {
			t.Fatal(err)
		}
		if got := <-read; got != "too earlyfalse" {
			t.Errorf("read %q", got)
		}
		closed, _ := net.Pipe()
		conn = redisthrottle.AskFirst(closed)
		go receive()
		synctest.Wait()
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		if got := <-read; got != "true" {
			t.Errorf("read %q of a closed connection", got)
		}
	})
}

// answering is a server that speaks like a Redis, and answers every script and
// every write the same. It returns its URL.
func answering(t *testing.T, says string) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Skipf("a Unix socket in the test's folder: %v", err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(t.Context(), func() { _ = conn.Close() })
			wg.Go(func() { speak(conn, says) })
		}
	})
	return "unix://" + listener.Addr().String()
}

func speak(conn net.Conn, says string) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		var words, length int
		if _, err := fmt.Fscanf(r, "*%d\r\n", &words); err != nil {
			return
		}
		var first string
		for i := range words {
			if _, err := fmt.Fscanf(r, "$%d\r\n", &length); err != nil {
				return
			}
			word := make([]byte, length+2)
			if _, err := io.ReadFull(r, word); err != nil {
				return
			}
			if i == 0 {
				first = strings.ToUpper(string(word[:length]))
			}
		}
		answer := "+OK\r\n"
		switch {
		case first == "HELLO":
			answer = "-ERR unknown command 'HELLO'\r\n"
		case first == "PING":
			answer = "+PONG\r\n"
		case strings.HasPrefix(first, "EVAL"), first == "SET" && strings.HasPrefix(says, "-"):
			answer = says
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

func TestZeroValuesRefuse(t *testing.T) {
	for name, l := range map[string]interface {
		throttle.Restorer
		Ping(context.Context) error
	}{"New": new(redisthrottle.Limiter), "NewFair": new(redisthrottle.Fair)} {
		for what, use := range map[string]func() error{
			"Take":    func() error { _, err := l.Take(t.Context(), "a", 1); return err },
			"Restore": func() error { return l.Restore(t.Context(), "a", 1) },
			"Ping":    func() error { return l.Ping(t.Context()) },
		} {
			if err := use(); !errors.Is(err, throttle.ErrZeroValue) || !strings.HasSuffix(err.Error(), " "+name) {
				t.Errorf("%s of %T: %v", what, l, err)
			}
		}
	}
}
