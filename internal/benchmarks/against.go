package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// least is what the upper quartile of the pairs must reach: this much of the speed of the
// other revision.
const least = 0.95

// tree is a revision that is measured.
type tree struct {
	dir  string
	bin  string // folder of what was built of it
	load string // the program that buys in its shop: HEAD's, for both
	url  string // of its shop, while that is open
}

// measurement is taken of both revisions in turn. It returns speeds by name: more is faster.
type measurement struct {
	name  string // for -only
	build func(ctx context.Context, t tree) error
	take  func(ctx context.Context, t tree) (map[string]float64, error)
}

// pairs are the speeds of one row, in the order of the rounds.
type pairs struct{ now, before []float64 }

// against measures HEAD and another revision in turns, each round both, and fails where
// HEAD is slower.
func against(ctx context.Context, o options, rev, only string, out, progress io.Writer) error {
	scratch, err := os.MkdirTemp("", "returnkit-against")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	all := slices.DeleteFunc(measurements(o), func(m measurement) bool { return only != "" && only != m.name })
	if len(all) == 0 {
		return fmt.Errorf("-only %q: with -against, allowed is resilience, throttle, allocation, refunds or checkout",
			only)
	}
	var trees []*tree // HEAD first
	for _, r := range []string{"HEAD", rev} {
		fmt.Fprintln(progress, "building", r)
		t, err := checkOut(ctx, scratch, r)
		if err != nil {
			return err
		}
		for _, m := range all {
			if err := m.build(ctx, *t); err != nil {
				return fmt.Errorf("%s: %w", r, err)
			}
		}
		trees = append(trees, t)
		t.load = filepath.Join(trees[0].bin, "refserver")
	}
	found := map[string]*pairs{}
	err = with(ctx, func(e *env) error {
		if slices.ContainsFunc(all, func(m measurement) bool { return m.name == "checkout" }) {
			if err := openShops(e, trees); err != nil {
				return err
			}
		}
		for round := range o.rounds {
			for _, m := range all {
				if err := inTurn(ctx, m, trees, round, found); err != nil {
					return fmt.Errorf("%s: %w", m.name, err)
				}
			}
			fmt.Fprintf(progress, "pair %d of %d\n", round+1, o.rounds)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return compare(out, rev, found)
}

// inTurn measures both, HEAD first in every other round.
func inTurn(ctx context.Context, m measurement, trees []*tree, round int, found map[string]*pairs) error {
	for i := range trees {
		turn := (i + round) % len(trees)
		speeds, err := m.take(ctx, *trees[turn])
		if err != nil {
			return err
		}
		for name, speed := range speeds {
			if found[name] == nil {
				found[name] = &pairs{}
			}
			if turn == 0 {
				found[name].now = append(found[name].now, speed)
			} else {
				found[name].before = append(found[name].before, speed)
			}
		}
	}
	return nil
}

// compare prints a row for what both revisions have, and fails where HEAD is slower.
func compare(out io.Writer, rev string, found map[string]*pairs) error {
	fmt.Fprintf(out, "| what | %.12s | HEAD | HEAD/%.12s, median | quartiles |\n", rev, rev)
	fmt.Fprintln(out, "| --- | ---: | ---: | ---: | --- |")
	var slower []error
	for _, name := range slices.Sorted(maps.Keys(found)) {
		p := found[name]
		if len(p.now) != len(p.before) {
			continue // one of them does not have it
		}
		var ratios []float64
		for i := range p.now {
			ratios = append(ratios, p.now[i]/p.before[i])
		}
		low, high := quartiles(ratios)
		fmt.Fprintf(out, "| %s | %.4g | %.4g | %.2f x | %.2f to %.2f |\n", name, median(p.before), median(p.now),
			median(ratios), low, high)
		if high < least {
			slower = append(slower, fmt.Errorf("%s: the upper quartile is %.2f x %s, and %.2f x is the least",
				name, high, rev, least))
		}
	}
	return errors.Join(slower...)
}

// quartiles are the medians of the lower and of the upper half, without the one in the middle.
func quartiles(list []float64) (low, high float64) {
	sorted := slices.Sorted(slices.Values(list))
	half := len(sorted) / 2
	if half == 0 {
		return sorted[0], sorted[0]
	}
	return median(sorted[:half]), median(sorted[len(sorted)-half:])
}

// checkOut writes a revision's files into a folder of scratch.
func checkOut(ctx context.Context, scratch, rev string) (*tree, error) {
	dir, err := os.MkdirTemp(scratch, "tree")
	if err != nil {
		return nil, err
	}
	t := &tree{dir: dir, bin: filepath.Join(dir, "bin")}
	said, err := command(ctx, "", nil, "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	top := strings.TrimSpace(string(said))
	file := filepath.Join(scratch, "archive.tar")
	if _, err := command(ctx, top, nil, "git", "archive", "--output", file, rev); err != nil {
		return nil, err
	}
	if _, err := command(ctx, dir, nil, "tar", "-xf", file); err != nil {
		return nil, err
	}
	return t, os.Mkdir(t.bin, 0o755)
}

// command runs a program and returns what it prints. Its error says what the program said.
func command(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var said bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), env...), &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, said.Bytes())
	}
	return out, nil
}

func measurements(o options) []measurement {
	short := []string{"-test.benchtime=" + o.time.String()}
	return []measurement{
		benchmark("resilience", "^(BenchmarkBreaker|BenchmarkDo)$", short, nil, "resilience"),
		benchmark("throttle", "^(BenchmarkOneKey|BenchmarkManyKeys)$", short, nil, "throttle"),
		benchmark("allocation", "^BenchmarkAllocate$", short, nil, "orders/money", "orders"),
		benchmark("refunds", "^BenchmarkRefundThroughTheWholeShop$", []string{"-test.benchtime=400x"},
			[]string{"CLIENTS=8", "PGBENCH_SECONDS=1", "SQLSTORETEST_FSYNC=on", "SQLDBTEST_FSYNC=on"},
			"refserver/internal/e2e/crashtest", "refserver/internal/crashtest"),
		{name: "checkout", build: buildShop, take: closedLoops(o.orders)},
	}
}

// benchmark takes those of a package, which is in the first of the folders that there is.
func benchmark(name, which string, args, env []string, folders ...string) measurement {
	folder := func(t tree) string {
		for _, f := range folders {
			if _, err := os.Stat(filepath.Join(t.dir, f)); err == nil {
				return filepath.Join(t.dir, f)
			}
		}
		return t.dir
	}
	return measurement{
		name: name,
		build: func(ctx context.Context, t tree) error {
			_, err := command(ctx, folder(t), nil, "go", "test", "-c", "-o", filepath.Join(t.bin, name), ".")
			return err
		},
		take: func(ctx context.Context, t tree) (map[string]float64, error) {
			args := append([]string{"-test.run=^$", "-test.bench=" + which}, args...)
			out, err := command(ctx, folder(t), env, filepath.Join(t.bin, name), args...)
			return speeds(out), err
		},
	}
}

var (
	result = regexp.MustCompile(`(?m)^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)
	figure = regexp.MustCompile(`([0-9.e+]+) (ns/op|refunds/s)`)
)

// speeds reads what benchmarks print: what they call a rate, or calls per second.
func speeds(out []byte) map[string]float64 {
	found := map[string]float64{}
	for _, line := range result.FindAllSubmatch(out, -1) {
		name, calls := string(line[1]), 0.0
		for _, f := range figure.FindAllSubmatch(line[2], -1) {
			v, err := strconv.ParseFloat(string(f[1]), 64)
			switch {
			case err != nil || v == 0:
			case string(f[2]) != "ns/op":
				name, calls = name+", "+string(f[2]), v
			case calls == 0:
				calls = 1e9 / v
			}
		}
		if name == "ManyKeys" { // as it was called before there were others
			name = "ManyKeys/Keyed"
		}
		found[name] = calls
	}
	return found
}

func buildShop(ctx context.Context, t tree) error {
	_, err := command(ctx, t.dir, nil, "go", "build", "-o", filepath.Join(t.bin, "refserver"), "./refserver")
	return err
}

var offered = regexp.MustCompile(`(?m)^offered +([0-9.]+) checkouts/s`)

// closedLoops buy over HTTP with 8 and with 32 clients who wait for nothing but their answers. One
// program buys in both shops: that of an older revision may end a run after the time that its rate
// would take, and count the carts that were filled before the clock started for more.
func closedLoops(orders int) func(context.Context, tree) (map[string]float64, error) {
	return func(ctx context.Context, t tree) (map[string]float64, error) {
		found := map[string]float64{}
		for _, clients := range []int{8, 32} {
			out, err := command(ctx, t.dir, nil, t.load, "load", "--url", t.url,
				"--rate", "5000", "--concurrency", strconv.Itoa(clients), "--users", strconv.Itoa(8*clients),
				"--card", "0", "--runs", strconv.Itoa(orders), "--report", filepath.Join(t.bin, "report.html"))
			if err != nil {
				return nil, err
			}
			said := offered.FindSubmatch(out)
			if said == nil {
				return nil, fmt.Errorf("refserver load says no rate:\n%s", out)
			}
			speed, err := strconv.ParseFloat(string(said[1]), 64)
			if err != nil {
				return nil, err
			}
			found[fmt.Sprintf("checkout over HTTP, %d clients", clients)] = speed
		}
		return found, nil
	}
}
