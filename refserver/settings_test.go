package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/config"
)

func TestTheDocumentationOfTheSettingsIsCurrent(t *testing.T) {
	written, err := os.ReadFile(filepath.Join("docs", "settings.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != config.Markdown() {
		t.Error("docs/settings.md is not what the settings say; run go generate ./refserver")
	}
	file := filepath.Join(t.TempDir(), "settings.md")
	if err := start(t, nil, "settings", "document", file).wait(); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(file); err != nil || string(again) != string(written) {
		t.Errorf("the command writes something else: %v", err)
	}
}

func TestEverySettingOfTheComposeFilesIsOne(t *testing.T) {
	known := map[string]bool{}
	for _, s := range config.Settings() {
		known[s.Name] = true
	}
	raw, err := os.ReadFile(filepath.Join("deploy", "services.yml"))
	if err != nil {
		t.Fatal(err)
	}
	_, shop, _ := strings.Cut(string(raw), "\n  shop:\n")
	shop, _, _ = strings.Cut(shop, "\n  postgres:\n")
	names := regexp.MustCompile(`(?m)^      ([A-Z_]+): `).FindAllStringSubmatch(shop, -1)
	if len(names) < 20 {
		t.Fatalf("only %d settings were found", len(names))
	}
	for _, m := range names {
		if m[1] != "VERSION" && m[1] != "REVISION" && !known[m[1]] {
			t.Errorf("services.yml sets %s, which is no setting", m[1])
		}
	}
}

func TestHelpIsThereByCommand(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--help":             "healthcheck",
		"help":               "settings check",
		"help load":          "--concurrency",
		"help settings":      "RETURN_WINDOW_DAYS",
		"settings":           "RETURN_WINDOW_DAYS",
		"help settings list": "Usage: refserver settings list",
		"settings check":     "The settings are valid: development on localhost:",
	} {
		r := start(t, nil, strings.Fields(args)...)
		if err := r.wait(); err != nil || !strings.Contains(r.stdout.String(), want) {
			t.Errorf("%s: %v\n%s", args, err, r.stdout)
		}
	}
}

func TestACommandLineThatMakesNoSenseExitsWith2(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"sell":                         "sell",
		"help sell":                    "sell",
		"serve now":                    "now",
		"load --rate fast":             "--rate",
		"load --rate -1":               "rate",
		"load everything":              "everything",
		"load --card 101":              "101",
		"load --url nowhere":           "nowhere",
		"backup":                       "<to>",
		"settings check --port":        "--port",
		"healthcheck --timeout=soon":   "--timeout",
		"restore /no/such/directory/x": "/no/such/directory/x",
	} {
		err := start(t, nil, strings.Fields(args)...).wait()
		if exitCode(err) != 2 {
			t.Errorf("%s: exit code %d, %v", args, exitCode(err), err)
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.HasSuffix(err.Error(), "; see refserver help") {
			t.Errorf("%s: exit code %d, %v", args, exitCode(err), err)
		}
	}
	wrong := start(t, []string{"PORT=abc", "CURRENCY=dollar"}, "settings", "check").wait()
	if exitCode(wrong) != 1 || len(strings.Split(wrong.Error(), "\n")) != 2 {
		t.Errorf("wrong settings: exit code %d, %v", exitCode(wrong), wrong)
	}
	if exitCode(nil) != 0 {
		t.Error("success is no failure")
	}
}

func TestANameThatIsNoSettingIsWarnedOf(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte("\ufeffRETURN_WINDOWS_DAYS=14\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs output
	if err := Run(t.Context(), []string{"settings", "check", "--env-file", file}, nil, &out, &errs); err != nil {
		t.Fatal(err)
	}
	const want = "refserver: warning: RETURN_WINDOWS_DAYS in .env is not a setting and is ignored; " +
		"did you mean RETURN_WINDOW_DAYS?\n"
	if errs.String() != want {
		t.Errorf("warned %q, want %q", errs.String(), want)
	}
}

func TestALogIsTextOnATerminalAlone(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, w := range map[string]io.Writer{"a file": file, "a buffer": &output{}} {
		if isTerminal(w) {
			t.Errorf("%s counts as a terminal", name)
		}
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal can be made here: %v", err)
	}
	defer terminal.Close()
	if !isTerminal(terminal) {
		t.Error("a terminal counts as none")
	}
}

// A database that takes connections and says nothing holds the start up.
func TestProbesAreAnsweredWhileTheShopOpens(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	database := "postgres://shop@" + silent.Addr().String() + "/shop?connect_timeout=60"
	r := start(t, []string{"PORT=0", "DATABASE_URL=" + database})
	conn, err := silent.Accept() // the shop is opening its database now
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	base := addressPattern.FindString(r.stdout.String())
	c := http.Client{Timeout: testreq.Patience(t)}
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/health/live":       {200, `{"status":"UP"}`},
		"/health/startup":    {503, `{"status":"STARTING"}`},
		"/health/ready":      {503, `{"status":"DEGRADED","components":{},"reason":"starting"}`},
		"/health":            {503, `{"status":"DEGRADED","components":{},"reason":"starting"}`},
		"/api/system/health": {503, `{"status":"DEGRADED","components":{},"reason":"starting"}`},
		"/":                  {503, "The shop is starting. Please try again in a moment."},
	} {
		res, err := c.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != want.status || strings.TrimSpace(string(body)) != want.body {
			t.Errorf("%s: %d %s, want %d %s", path, res.StatusCode, body, want.status, want.body)
		}
		if path == "/" && res.Header.Get("Retry-After") == "" {
			t.Error("who comes too early is not told when to come back")
		}
	}
	if err := r.stop(); err == nil {
		t.Error("a shop that never opened says that it did")
	}
}
