package config

import (
	"net/netip"
	"net/url"
	"strings"
)

// stripePages is where Stripe's own payment pages are.
const stripePages = "https://checkout.stripe.com"

// CardPage reports whether customers pay by card on the provider's page: with a live
// key always, because real card numbers must not pass through the shop.
func (c Config) CardPage() bool { return c.HostedCheckout || c.LiveKey() }

// PageOrigin is where the provider's payment pages are, in the form of an Origin
// header. built is the address of the simulator in this process, empty where there is
// none.
func (c Config) PageOrigin(built string) string {
	for _, address := range []string{string(c.PaymentPageURL), string(c.PaymentProviderURL), built} {
		if origin := originOf(address); origin != "" {
			return origin
		}
	}
	return stripePages
}

// originOf is an address in the form of an Origin header, empty for none.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || address == "" {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host += ":" + port
	}
	return u.Scheme + "://" + host
}

// reachable is the host at which a browser reaches a server that listens on it.
func reachable(host string) string {
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && a.IsUnspecified() {
		return "localhost"
	}
	return host
}
