// Package haproxy tests the balancer of the replicas with the configuration that
// is deployed.
package haproxy_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/throttle/throttlehttp"
)

// startBalancer runs a real HAProxy with the file that is deployed, before one
// server instead of the replicas, and returns its address.
func startBalancer(t *testing.T, backend string) string {
	t.Helper()
	path, err := exec.LookPath("haproxy")
	if err != nil {
		testreq.SkipOrFail(t, "no haproxy: install the package haproxy")
	}
	raw, err := os.ReadFile("haproxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	config := string(raw)
	for _, change := range []struct{ pattern, to string }{
		{`(?m)^    bind :5000$`, "    bind fd@3"},
		{`(?m)^resolvers docker\n(    .*\n)+`, ""},
		{`(?m)^    default-server .*\n`, ""},
		{`(?m)^    server-template .*$`, "    server one " + backend},
	} {
		changed := regexp.MustCompile(change.pattern).ReplaceAllString(config, change.to)
		if changed == config {
			t.Fatalf("haproxy.cfg has nothing like %q", change.pattern)
		}
		config = changed
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	fd, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()
	cmd := exec.Command(path, "-f", file, "-db")
	cmd.ExtraFiles = []*os.File{fd}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	return "http://" + listener.Addr().String()
}

func TestTheBalancerDropsWhatAClientSaysOfItsAddress(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(r.Header)
	}))
	defer backend.Close()
	base := startBalancer(t, strings.TrimPrefix(backend.URL, "http://"))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range [][2]string{
		{"X-Forwarded-For", "9.9.9.9, 172.18.0.1"}, {"X-Forwarded-For", "9.9.9.8"},
		{"X-Forwarded-Host", "evil.example"},
		{"X-Forwarded-Proto", "https"}, {"Forwarded", "for=9.9.9.9"}, {"X-Real-IP", "9.9.9.9"}, {"Via", "1.1 nobody"},
	} {
		req.Header.Add(h[0], h[1])
	}
	client := http.Client{Timeout: testreq.Patience(t)}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got http.Header
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		t.Fatalf("%s: %v", res.Status, err)
	}
	want := http.Header{"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Proto": {"http"}}
	for name, values := range got {
		if strings.HasPrefix(name, "X-Forwarded") || name == "Forwarded" || name == "X-Real-Ip" || name == "Via" {
			if strings.Join(values, "|") != strings.Join(want[name], "|") {
				t.Errorf("%s reaches the shop as %q, want %q", name, values, want[name])
			}
		}
	}
	// With the networks that the compose file trusts, what the shop makes of it.
	proxies, err := throttlehttp.ParseProxies("10.0.0.0/8,172.16.0.0/12,192.168.0.0/16")
	if err != nil {
		t.Fatal(err)
	}
	r := &http.Request{RemoteAddr: "172.18.0.9:40000", Header: got}
	if client, ok := proxies.Client(r); !ok || client.String() != "127.0.0.1" {
		t.Errorf("the shop takes %s for the client, want the address of the connection", client)
	}
}
