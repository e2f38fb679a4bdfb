// Package outbound calls addresses that people enter: of partners' feeds, of webhooks. Such an
// address must not lead into the shop's own network.
package outbound

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/net/idna"
)

// ErrPrivate is the error of a call to an address that is not of the public internet.
var ErrPrivate = errors.New("the address leads into a private network, which the shop does not call")

// connectTimeout limits how long a connection, and its TLS, may take.
const connectTimeout = 10 * time.Second

// NewClient returns a client whose calls last no longer than timeout, the body included. It
// follows no redirect and uses no proxy. Unless private is set it connects to public addresses
// alone, as they are when the connection is made, so that a name which leads elsewhere a moment
// later changes nothing.
func NewClient(timeout time.Duration, private bool) *http.Client {
	dialer := &net.Dialer{Timeout: connectTimeout}
	if !private {
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			host, err := netip.ParseAddrPort(address)
			if err != nil || !Public(host.Addr()) {
				return ErrPrivate
			}
			return nil
		}
	}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, DisableKeepAlives: true, TLSHandshakeTimeout: connectTimeout,
			ResponseHeaderTimeout: timeout, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// notPublic are networks that netip has no word for: of RFC 6890 and its kind.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // carriers' own
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), // IPv4 behind IPv6
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("fec0::/10"),
}

// Public reports whether an address is one of the public internet.
func Public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// Callable reports whether the host of an address can be called at all: a name of the internet or
// an IP address, with a port from 1 to 65535 or none.
func Callable(u *url.URL) bool {
	host, port := u.Hostname(), u.Port()
	if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535) {
		return false
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	_, err := idna.Lookup.ToASCII(host)
	return host != "" && err == nil
}

// InPrivate reports whether an address names one that is not of the public internet. A name
// tells only when it is called.
func InPrivate(u *url.URL) bool {
	a, err := netip.ParseAddr(u.Hostname())
	return err == nil && !Public(a)
}
