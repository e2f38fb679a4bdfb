package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/config"
)

func TestAWrongSettingStopsTheStartInOneLineAndTouchesNothing(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdef0123456789abcdef"
	dir := filepath.Join(t.TempDir(), "data")
	for _, tc := range []struct{ set, want string }{
		{"RETURN_WINDOW_DAYS=a month", `RETURN_WINDOW_DAYS is "a month"; it must be a whole number of days`},
		{"REDIS_URL=localhost", "REDIS_URL is [secret]; it must be an address such as redis://host:6379/0"},
		{"HOST=0.0.0.0 SECRET_KEY=" + key, "SUPER_ADMIN_PASSWORD is the published default; it must be a password"},
		{"HOST=0.0.0.0 SUPER_ADMIN_PASSWORD=of-my-own-1", "SECRET_KEY is the published default; it must be a key"},
		{
			"APP_ENV=production SUPER_ADMIN_PASSWORD=of-my-own-1 SECRET_KEY=" + key,
			`STRIPE_SECRET_KEY is ""; it must be set in production`,
		},
	} {
		set := []string{tc.set}
		if !strings.Contains(tc.set, "a month") {
			set = strings.Fields(tc.set)
		}
		r := start(t, append(set, "PORT=0", "DATA_DIR="+dir))
		err := r.wait()
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", tc.set, err)
		}
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s: the data folder was made: %v", tc.set, err)
		}
	}
}

func TestASettingThatDoesNotWorkStopsTheStartInOneLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	inUse := filepath.Join(dir, "in use")
	// where the file of the database belongs
	if err := os.MkdirAll(filepath.Join(inUse, "returnkit.db"), 0o700); err != nil {
		t.Fatal(err)
	}
	const (
		mustBe         = "it must be a directory that this process may write to"
		mustBePostgres = "it must be a PostgreSQL address"
	)
	good := "DATA_DIR=" + filepath.Join(dir, "data")
	for name, tc := range map[string]struct {
		set  []string
		want []string
	}{
		"a file for a directory": {
			[]string{"DATA_DIR=" + file},
			[]string{`DATA_DIR is "` + file + `", which does not work: `, "not a directory; ", mustBe},
		},
		"a directory below a file": {
			[]string{"DATA_DIR=" + file + "/data"}, []string{"DATA_DIR is ", "not a directory; ", mustBe},
		},
		"a database that is none": {[]string{"DATA_DIR=" + inUse}, []string{"DATA_DIR is ", "open", mustBe}},
		"photos into a file": {
			[]string{good, "RETURNS_UPLOAD_DIR=" + file},
			[]string{`RETURNS_UPLOAD_DIR is "` + file + `", which does not work: `, mustBe},
		},
		"a server that is not up": {
			[]string{good, "DATABASE_URL=postgres://ada:hunter22@127.0.0.1:1/shop"},
			[]string{"DATABASE_URL is [secret], which does not work: ", "connection refused; ", mustBePostgres},
		},
		"a server of unknown name": {
			[]string{good, "DATABASE_URL=postgres://ada:hunter22@nowhere.invalid/shop"},
			[]string{"DATABASE_URL is [secret], which does not work: ", "nowhere.invalid", mustBePostgres},
		},
	} {
		err := start(t, append([]string{"PORT=0"}, tc.set...)).wait()
		if err == nil {
			t.Errorf("%s: it started", name)
			continue
		}
		line := err.Error()
		if strings.Contains(line, "\n") || strings.Contains(line, "hunter22") || !strings.HasPrefix(line, tc.want[0]) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, text := range tc.want {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: no %q in %v", name, text, err)
			}
		}
	}
}

func TestAPortThatIsTakenStopsTheStart(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := filepath.Join(t.TempDir(), "data")
	r := start(t, []string{fmt.Sprintf("PORT=%d", l.Addr().(*net.TCPAddr).Port), "DATA_DIR=" + dir})
	if err := r.wait(); err == nil || !strings.Contains(err.Error(), "set HOST and PORT") {
		t.Errorf("the start: %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the data folder was made: %v", err)
	}
}

func TestASecondProcessOnOneFolderRefusesOrWorks(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	environ := []string{"PORT=0", "DATA_DIR=" + dir}
	first := start(t, environ)
	base := first.url()
	second := start(t, environ)
	if err := second.wait(); err == nil || !strings.Contains(err.Error(), "ledger") {
		t.Errorf("the simulator's ledger is shared: %v", err)
	}
	look(t, base)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}

	// With a provider of their own they share the file.
	sim := start(t, nil, "paysim", "--addr", "127.0.0.1:0")
	environ = append(environ, "PAYMENT_PROVIDER_URL="+sim.url())
	a, b := start(t, environ), start(t, environ)
	if one, two := look(t, a.url()), look(t, b.url()); fmt.Sprint(one) != fmt.Sprint(two) {
		t.Errorf("they see different things:\n%+v\n%+v", one, two)
	}
	for _, r := range []*running{a, b, sim} {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	}
}

func TestProcessesThatStartAtOnceMakeTheDemoDataOnce(t *testing.T) {
	t.Parallel()
	sim := start(t, nil, "paysim", "--addr", "127.0.0.1:0")
	environ := []string{"PORT=0", "DATA_DIR=" + filepath.Join(t.TempDir(), "data"), "PAYMENT_PROVIDER_URL=" + sim.url()}
	shops := []*running{start(t, environ), start(t, environ), start(t, environ)}
	for _, r := range shops {
		if s := look(t, r.url()); len(s.Products) != 12 || len(s.Orders) != 1 || len(s.Returns) != 1 {
			t.Errorf("%d products, %d orders, %d returns", len(s.Products), len(s.Orders), len(s.Returns))
		}
	}
	var ledger struct{ Charges []any }
	getJSON(t, http.DefaultClient, sim.url()+"/_sim/ledger", &ledger)
	if len(ledger.Charges) != 1 {
		t.Errorf("%d charges", len(ledger.Charges))
	}
}

// Published credentials that are not refused are warned of, where others may reach the shop.
func TestPublishedCredentialsAreWarnedOf(t *testing.T) {
	own := []string{"SUPER_ADMIN_PASSWORD=of-my-own-1", "SECRET_KEY=0123456789abcdef0123456789abcdef"}
	for name, tc := range map[string]struct {
		set  []string
		want string // the settings that the line names; "" for no line
	}{
		"on this machine": {nil, ""},
		"a proxy on this machine": {
			[]string{"PUBLIC_URL=https://shop.example.com"}, `["SUPER_ADMIN_PASSWORD","SECRET_KEY"]`,
		},
		"allowed on all addresses": {
			[]string{"HOST=0.0.0.0", "ALLOW_DEFAULT_CREDENTIALS=true", own[0]}, `["SECRET_KEY"]`,
		},
		"of its own, behind a proxy":     {append([]string{"PUBLIC_URL=https://shop.example.com"}, own...), ""},
		"a public address that is local": {[]string{"PUBLIC_URL=http://localhost:5000"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := config.Load(tc.set, "")
			if err != nil {
				t.Fatal(err)
			}
			var out output
			warnOfPublished(slog.New(slog.NewJSONHandler(&out, nil)), c)
			warned := strings.Contains(out.String(), `"level":"WARN"`) &&
				strings.Contains(out.String(), `"settings":`+tc.want)
			if tc.want == "" && out.String() != "" || tc.want != "" && !warned {
				t.Errorf("warned %q, want of %s", out.String(), tc.want)
			}
		})
	}
}
