package main

import (
	"bytes"
	"io"
	"maps"
	"os/exec"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
)

// TestEveryRowIsMeasured runs it all for a moment: the results mean nothing, the
// rows are there.
func TestEveryRowIsMeasured(t *testing.T) {
	for section, needs := range map[string]string{"breaker": "", "limiter": "", "redis": "redis-server",
		"checkout": "pgbench"} {
		t.Run(section, func(t *testing.T) {
			if needs != "" {
				if _, err := exec.LookPath(needs); err != nil {
					testreq.SkipOrFail(t, "no "+needs+" in PATH")
				}
			}
			var out bytes.Buffer
			args := []string{"-rounds", "1", "-time", "1ms", "-orders", "64", "-only", section}
			if err := run(t.Context(), args, &out, io.Discard); err != nil {
				t.Fatal(err)
			}
			rows := strings.Count(out.String(), "\n| ") - 2
			want := map[string]int{"breaker": 8, "limiter": 7, "redis": 1, "checkout": 2}[section]
			if rows != want {
				t.Errorf("%d rows, want %d:\n%s", rows, want, out.String())
			}
		})
	}
}

func TestArgumentsAreChecked(t *testing.T) {
	for _, args := range [][]string{{"-rounds", "0"}, {"-orders", "1"}, {"-only", "lunch"}, {"-nonsense"}} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%v gives no error", args)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		list []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(tt.list); got != tt.want {
			t.Errorf("median of %v is %v, want %v", tt.list, got, tt.want)
		}
	}
}

// TestRevisionsAreComparedInTurns measures HEAD beside itself.
func TestRevisionsAreComparedInTurns(t *testing.T) {
	var out bytes.Buffer
	args := []string{"-against", "HEAD", "-only", "allocation", "-rounds", "1", "-time", "1ms"}
	// Which of two measurements of a moment is faster is chance.
	if err := run(t.Context(), args, &out, io.Discard); err != nil && !strings.Contains(err.Error(), "upper quartile") {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "| Allocate |") {
		t.Errorf("no row:\n%s", out.String())
	}
}

func TestSlowerFails(t *testing.T) {
	found := map[string]*pairs{
		"as fast": {now: []float64{10, 10, 8, 8, 8, 10, 8}, before: []float64{10, 10, 10, 10, 10, 10, 10}},
		"slower":  {now: []float64{9, 9, 9, 20, 9, 9, 9}, before: []float64{10, 10, 10, 10, 10, 10, 10}},
		"new":     {now: []float64{1}},
	}
	var out bytes.Buffer
	err := compare(&out, "v1", found)
	if err == nil || err.Error() != "slower: the upper quartile is 0.90 x v1, and 0.95 x is the least" {
		t.Errorf("%v", err)
	}
	if strings.Contains(out.String(), "new") {
		t.Errorf("a row of what only one has:\n%s", out.String())
	}
}

func TestSpeedsAreRead(t *testing.T) {
	got := speeds([]byte("goos: linux\nBenchmarkDo-2   \t 100\t  50.0 ns/op\t 0 B/op\n" +
		"BenchmarkManyKeys \t 9 \t 1e+02 ns/op\nBenchmarkWhole-2 \t 400 \t 2000 ns/op \t 313.5 refunds/s\nPASS\n"))
	want := map[string]float64{"Do": 2e7, "ManyKeys/Keyed": 1e7, "Whole, refunds/s": 313.5}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
