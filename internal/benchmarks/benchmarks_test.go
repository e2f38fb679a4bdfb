package main

import (
	"bytes"
	"io"
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
