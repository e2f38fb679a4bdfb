package testlog

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
)

// TestAPlantedSecretIsFound logs past the redaction, into a shop's own log.
func TestAPlantedSecretIsFound(t *testing.T) {
	for name, tc := range map[string]struct {
		line string
		leak bool
	}{
		"a card":                 {`{"message":"charge of 4242424242424242"}`, true},
		"a card with spaces":     {`{"message":"charge of 4000 0000 0000 9995 refused"}`, true},
		"a card in an address":   {`{"path":"/?card_number=4000000000000002"}`, true},
		"an amex card":           {`{"n":378282246310005}`, true},
		"a password":             {`{"message":"sign-in with pass word & 77"}`, true},
		"a password, escaped":    {`{"path":"/?p=pass+word+%26+77"}`, true},
		"a cookie":               {`{"cookie":"session=abc123def456"}`, true},
		"a session":              {`{"message":"session=J7gh29dkeoPqz83hd7Fh"}`, true},
		"a cookie taken out":     {`{"cookie":"[REDACTED]"}`, false},
		"an id":                  {`{"order_id":"01a20f1b-cc23-7a28-be94-1c8e9bb775ca","n":4242424242424243}`, false},
		"a card within an id":    {`{"request_id":"a4242424242424242"}`, false},
		"a time in microseconds": {`{"at":1795551588800395}`, false},
		"a word about passwords": {`{"message":"the password is too short"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv(Env, dir)
			Secret(t, "pass word & 77")
			t.Run("shop", func(t *testing.T) {
				New(t, slog.LevelError, nil).Debug(
					"an ordinary line of 4242424242424242",
					"error",
					errors.New("password=pass word & 77"),
				)
				if _, err := File(t).Write([]byte(tc.line + "\n")); err != nil {
					t.Fatal(err)
				}
			})
			found, err := Search(dir)
			if err != nil || found.Lines != 2 || found.Files != 2 {
				t.Fatalf("%+v, %v; want one line of the shop and one planted", found, err)
			}
			if got := len(found.Leaks) == 1; got != tc.leak {
				t.Errorf("found %v, want %v: %v", got, tc.leak, found.Leaks)
			}
		})
	}
}

func TestWithoutAFolderNothingIsKept(t *testing.T) {
	t.Setenv(Env, "")
	Secret(t, "not kept at all")
	New(t, slog.LevelError, nil).Info("not kept either")
	if _, err := os.Stat(secretsFile); err == nil {
		t.Error("a file was written")
	}
	if n, err := File(t).Write([]byte(strings.Repeat("x", 10))); n != 10 || err != nil {
		t.Error(n, err)
	}
}
