package app_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/app"
)

// TestAPartnersKeyIsNotLogged, wherever somebody pastes it.
func TestAPartnersKeyIsNotLogged(t *testing.T) {
	const key = "rkp_abcdefgh_ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, text := range []string{"no user " + key, "GET /search?q=" + key, `{"name":"` + key + `"}`} {
		if got := app.Redactor().String(text); strings.Contains(got, "ABCDEFGH") {
			t.Errorf("%s is logged as %s", text, got)
		}
	}
}

var operation = regexp.MustCompile(`(?:\.tx\(ctx, "|"auth: )([a-z][a-z -]*)(?:"|: %w")`)

// TestWhatAnAccountWasUsedForIsLogged: all that package auth says it was doing when something failed.
func TestWhatAnAccountWasUsedForIsLogged(t *testing.T) {
	files, err := filepath.Glob("../auth/*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range operation.FindAllStringSubmatch(string(source), -1) {
			text := "auth: " + found[1] + ": commit: database or disk is full (13)"
			if got := app.Redactor().String(text); got != text && !strings.HasSuffix(file, "_test.go") {
				t.Errorf("%s: %q is logged as %q", filepath.Base(file), text, got)
			}
			seen[found[1]] = true
		}
	}
	for _, want := range []string{"sign in", "insert session", "change password"} {
		if !seen[want] {
			t.Errorf("the operation %q is not found", want)
		}
	}
	const secret = "auth: sign in ada: password: hunter2"
	if got := app.Redactor().String(secret); strings.Contains(got, "hunter2") {
		t.Errorf("%s is logged as %s", secret, got)
	}
}
