package testreq

import (
	"os"
	"strconv"
	"testing"
)

// Number returns the whole number from 1 on that a variable of the environment holds, or
// otherwise where it is not set: how much of a long suite is run.
func Number(tb testing.TB, name string, otherwise int64) int64 {
	tb.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		tb.Fatalf("%s=%q; a whole number from 1 on is allowed", name, text)
	}
	return n
}
