package throttlehttp

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func mustProxies(tb testing.TB, list string) Proxies {
	tb.Helper()
	p, err := ParseProxies(list)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestClientBehindProxies(t *testing.T) {
	const ours = "10.0.0.0/8, 192.168.1.1 fd00::/8"
	tests := []struct {
		name, trusted, remote string
		forwarded             []string
		want                  string
	}{
		{"nobody is trusted: the header counts nothing", "", "203.0.113.9:1000", []string{"1.2.3.4"}, "203.0.113.9"},
		{"a stranger's header counts nothing", ours, "203.0.113.9:1000", []string{"1.2.3.4"}, "203.0.113.9"},
		{"our proxy's word counts", ours, "10.0.0.1:1000", []string{"203.0.113.9"}, "203.0.113.9"},
		{"what the client wrote before it does not", ours, "10.0.0.1:1000", []string{"1.2.3.4, 203.0.113.9"},
			"203.0.113.9"},
		{"nor in a line of its own", ours, "10.0.0.1:1000", []string{"1.2.3.4", "203.0.113.9"}, "203.0.113.9"},
		{"a chain of ours is followed", ours, "10.0.0.1:1000", []string{"203.0.113.9, 192.168.1.1", "10.9.9.9"},
			"203.0.113.9"},
		{"all are ours: the farthest", ours, "10.0.0.1:1000", []string{"10.1.1.1, 10.2.2.2"}, "10.1.1.1"},
		{"no header: the proxy", ours, "10.0.0.1:1000", nil, "10.0.0.1"},
		{"rubbish stops the search", ours, "10.0.0.1:1000", []string{"203.0.113.9, unknown, 10.2.2.2"}, "10.2.2.2"},
		{"an empty entry too", ours, "10.0.0.1:1000", []string{"203.0.113.9,"}, "10.0.0.1"},
		{"ports and brackets are read", ours, "10.0.0.1:1000", []string{"[2001:db8::7]:443"}, "2001:db8::7"},
		{"brackets alone too", ours, "10.0.0.1:1000", []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"IPv4 in IPv6 is IPv4", ours, "[::ffff:10.0.0.1]:1000", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"a zone is dropped", ours, "[fe80::1%eth0]:1000", nil, "fe80::1"},
		{"a trusted IPv6 network", ours, "[fd00::1]:1000", []string{"203.0.113.9"}, "203.0.113.9"},
		{"a socket has no address", ours, "@", []string{"203.0.113.9"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{}}
			for _, line := range tt.forwarded {
				r.Header.Add("X-Forwarded-For", line)
			}
			got, ok := mustProxies(t, tt.trusted).Client(r)
			if ok != (tt.want != "") || ok && got != netip.MustParseAddr(tt.want) {
				t.Errorf("%v, %v, want %q", got, ok, tt.want)
			}
		})
	}
}

func TestParseProxiesNamesWhatItCannotRead(t *testing.T) {
	for _, bad := range []string{"10.0.0.0/33", "proxy.local", "10.0.0.1, x", "fe80::1%eth0", "::ffff:0:0/64"} {
		if _, err := ParseProxies(bad); err == nil || !strings.Contains(err.Error(), "allowed is") &&
			!strings.Contains(err.Error(), "mixes") {
			t.Errorf("ParseProxies(%q): %v", bad, err)
		}
	}
	p := mustProxies(t, "::ffff:10.0.0.0/104")
	if !p.trusts(netip.MustParseAddr("10.1.2.3")) || p.trusts(netip.MustParseAddr("11.1.2.3")) {
		t.Error("an IPv4 network written as IPv6 is not read as IPv4")
	}
}

func TestKeysOfDifferentKindsDiffer(t *testing.T) {
	trusted := mustProxies(t, "")
	user := UserKey(func(r *http.Request) string { return r.Header.Get("User") })
	key := FirstKey(user, AddressKey(trusted))
	for _, tt := range []struct{ user, remote, want string }{
		{"203.0.113.9", "203.0.113.9:1", "user:203.0.113.9"},
		{"", "203.0.113.9:1", "addr:203.0.113.9"},
		{"", "[2001:db8:1:2:3:4:5:6]:1", "addr:2001:db8:1:2::/64"},
		{"", "[2001:db8:1:2:ffff::]:1", "addr:2001:db8:1:2::/64"},
		{"", "@", ""},
	} {
		r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{"User": {tt.user}}}
		if got, ok := key(r); got != tt.want || ok != (tt.want != "") {
			t.Errorf("user %q from %s: %q, %v, want %q", tt.user, tt.remote, got, ok, tt.want)
		}
	}
}

// FuzzClient: whatever stands in the header, the answer is an address without a
// zone; a stranger's header changes nothing; and what is written before the
// entry that a trusted proxy made changes nothing either.
func FuzzClient(f *testing.F) {
	f.Add("1.2.3.4, 5.6.7.8", true)
	f.Add("[::1]:80,,x", true)
	f.Add("fe80::1%eth0", false)
	f.Add("10.0.0.2", true)
	p := mustProxies(f, "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, forwarded string, behind bool) {
		remote := "203.0.113.9:1"
		if behind {
			remote = "10.0.0.1:1"
		}
		client := func(lines ...string) netip.Addr {
			addr, ok := p.Client(&http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": lines}})
			if !ok || !addr.IsValid() || addr.Zone() != "" || addr.Is4In6() {
				t.Fatalf("%q gives %v, %v", forwarded, addr, ok)
			}
			return addr
		}
		got := client(forwarded)
		if !behind && got != netip.MustParseAddr("203.0.113.9") {
			t.Errorf("a stranger's header %q gives %v", forwarded, got)
		}
		if behind {
			want := netip.MustParseAddr("198.51.100.7")
			if got := client(forwarded, "198.51.100.7"); got != want {
				t.Errorf("lines %q and 198.51.100.7 give %v", forwarded, got)
			}
			if got := client(forwarded + ",198.51.100.7"); got != want {
				t.Errorf("%q,198.51.100.7 gives %v", forwarded, got)
			}
		}
	})
}
