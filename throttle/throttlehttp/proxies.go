package throttlehttp

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks of the reverse proxies that are trusted to tell a
// client's address. The zero value trusts nobody.
type Proxies struct{ nets []netip.Prefix }

// ParseProxies reads networks ("10.0.0.0/8") and single addresses, separated by
// commas or spaces. The empty string trusts nobody.
func ParseProxies(list string) (Proxies, error) {
	var p Proxies
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		net, err := netip.ParsePrefix(word)
		if err != nil {
			addr, addrErr := netip.ParseAddr(word)
			if addrErr != nil || addr.Zone() != "" {
				return Proxies{}, fmt.Errorf("throttlehttp: trusted proxy %q, "+
					"allowed is an IP address or a network such as 10.0.0.0/8", word)
			}
			net = netip.PrefixFrom(addr, addr.BitLen())
		}
		if net.Addr().Is4In6() {
			if net.Bits() < 96 {
				return Proxies{}, fmt.Errorf("throttlehttp: trusted proxy %q mixes IPv4 and IPv6, "+
					"write the IPv4 network alone", word)
			}
			net = netip.PrefixFrom(net.Addr().Unmap(), net.Bits()-96)
		}
		p.nets = append(p.nets, net.Masked())
	}
	return p, nil
}

// trusts reports whether addr is one of the proxies.
func (p Proxies) trusts(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, net := range p.nets {
		if net.Contains(addr) {
			return true
		}
	}
	return false
}

// Client returns the address of the client that sent r: the connection's address,
// unless that is a trusted proxy. Then X-Forwarded-For is read from its end, where
// the nearest proxy wrote, up to the first address that is not a trusted proxy
// itself. What stands before that was written by the client and proves nothing.
// Where an entry is no address, the last good one counts. It reports false if
// the connection has no IP address.
//
// Make the outermost proxy replace the header instead of appending to it where
// it can: then nothing that a client wrote is read at all.
func (p Proxies) Client(r *http.Request) (addr netip.Addr, ok bool) {
	addr, ok = parseHop(r.RemoteAddr)
	if !ok {
		return netip.Addr{}, false
	}
	if !p.trusts(addr) {
		return addr, true
	}
	lines := r.Header.Values("X-Forwarded-For")
	for i := len(lines) - 1; i >= 0; i-- {
		rest := lines[i]
		for {
			comma := strings.LastIndexByte(rest, ',')
			hop, valid := parseHop(rest[comma+1:])
			if !valid {
				return addr, true
			}
			addr = hop
			if !p.trusts(addr) {
				return addr, true
			}
			if comma < 0 {
				break
			}
			rest = rest[:comma]
		}
	}
	return addr, true
}

// parseHop reads an address with or without a port. Zones are dropped: they name
// a network card of ours, not a client.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.Trim(s, " \t")
	addr, err := netip.ParseAddr(s)
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err != nil {
			inner, found := strings.CutPrefix(s, "[")
			inner, closed := strings.CutSuffix(inner, "]")
			if addr, err = netip.ParseAddr(inner); !found || !closed || err != nil {
				return netip.Addr{}, false
			}
			return addr.Unmap().WithZone(""), true
		}
		addr = ap.Addr()
	}
	return addr.Unmap().WithZone(""), true
}
