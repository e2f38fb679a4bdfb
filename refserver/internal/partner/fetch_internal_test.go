package partner

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestPublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"93.184.216.34": true, "2606:4700::1111": true,
		"127.0.0.1": false, "127.255.0.9": false, "0.0.0.0": false, "10.1.2.3": false, "172.16.0.1": false,
		"192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "224.0.0.1": false,
		"255.255.255.255": false,
		"198.18.0.1":      false, "192.0.2.1": false, "240.0.0.1": false,
		"::1": false, "::": false, "fe80::1": false, "fc00::1": false, "fd12::1": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false,
		"2001:db8::1": false, "fec0::1": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is public: %v, want %v", address, got, want)
		}
	}
}

// TestAPrivateAddressIsNotFetched: also behind a name, since the connection is judged.
func TestAPrivateAddressIsNotFetched(t *testing.T) {
	asked := false
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer srv.Close()
	port := srv.Listener.Addr().String()
	port = port[len("127.0.0.1"):]
	for _, address := range []string{srv.URL, "http://localhost" + port, "http://[::ffff:127.0.0.1]" + port} {
		if _, err := newFetcher(false).get(t.Context(), address, ""); !errors.Is(err, errPrivate) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if asked {
		t.Error("it was asked")
	}
	if _, err := newFetcher(true).get(t.Context(), srv.URL, ""); err != nil || !asked {
		t.Errorf("in development: asked %v, %v", asked, err)
	}
}
