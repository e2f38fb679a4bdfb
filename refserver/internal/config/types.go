package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/money"
)

// Secret is a setting that is never shown: every way of printing it gives
// "[secret]", or nothing when it is empty. Convert it to string to use it.
type Secret string

const hidden = "[secret]"

// String hides the value.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// Format hides the value from every verb of package fmt.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue hides the value from logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the value from JSON and its like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// WebURL is an absolute http or https address without a trailing slash, or empty.
type WebURL string

// UnmarshalText accepts an http or https address with a host and no
// credentials, query or fragment.
func (u *WebURL) UnmarshalText(b []byte) error {
	s := strings.TrimRight(strings.TrimSpace(string(b)), "/")
	p, err := url.Parse(s)
	if err != nil {
		return err
	}
	web := p.Scheme == "http" || p.Scheme == "https"
	if !web || p.Hostname() == "" || p.User != nil || p.RawQuery != "" || p.Fragment != "" {
		return fmt.Errorf("not an http or https address")
	}
	*u = WebURL(s)
	return nil
}

// Networks is a list of IP networks.
type Networks []netip.Prefix

// UnmarshalText reads addresses and networks separated by commas.
func (n *Networks) UnmarshalText(b []byte) error {
	var out Networks
	for part := range strings.SplitSeq(string(b), ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if a, err := netip.ParseAddr(part); err == nil {
			a = a.Unmap()
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(part)
		if err != nil {
			return err
		}
		out = append(out, p.Masked())
	}
	*n = out
	return nil
}

// Contains reports whether the address is in one of the networks.
func (n Networks) Contains(a netip.Addr) bool {
	a = a.Unmap()
	return slices.ContainsFunc(n, func(p netip.Prefix) bool { return p.Contains(a) })
}

// PhotoTypes is a list of the image types jpeg, png, gif and webp.
type PhotoTypes []string

// UnmarshalText reads file extensions separated by commas; jpg is jpeg.
func (t *PhotoTypes) UnmarshalText(b []byte) error {
	var out PhotoTypes
	for part := range strings.SplitSeq(string(b), ",") {
		name := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(part), "."))
		switch name {
		case "":
			continue
		case "jpg":
			name = "jpeg"
		case "jpeg", "png", "gif", "webp":
		default:
			return fmt.Errorf("unknown image type %q", name)
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return fmt.Errorf("no image type")
	}
	*t = out
	return nil
}

// Currency is the ISO 4217 code of the shop's money.
type Currency money.Currency

// UnmarshalText accepts a known code in any case.
func (c *Currency) UnmarshalText(b []byte) error {
	v, err := money.ParseCurrency(string(b))
	*c = Currency(v)
	return err
}

// CurrencyList is a list of ISO 4217 codes.
type CurrencyList []money.Currency

// UnmarshalText accepts known codes in any case, separated by commas.
func (l *CurrencyList) UnmarshalText(b []byte) error {
	var out CurrencyList
	for code := range strings.SplitSeq(string(b), ",") {
		c, err := money.ParseCurrency(strings.TrimSpace(code))
		if err != nil {
			return err
		}
		out = append(out, c)
	}
	*l = out
	return nil
}

// String is the list as it is written in the settings.
func (l CurrencyList) String() string {
	codes := make([]string, len(l))
	for i, c := range l {
		codes[i] = string(c)
	}
	return strings.Join(codes, ",")
}

// Zone is a time zone of the IANA database.
type Zone struct{ loc *time.Location }

// UnmarshalText accepts a name of the IANA database. "Local" is refused:
// figures must not depend on the machine.
func (z *Zone) UnmarshalText(b []byte) error {
	name := strings.TrimSpace(string(b))
	if name == "" || strings.EqualFold(name, "local") {
		return fmt.Errorf("not a time zone")
	}
	loc, err := time.LoadLocation(name)
	z.loc = loc
	return err
}

// Location is the zone for package time, UTC for the zero value.
func (z Zone) Location() *time.Location {
	if z.loc == nil {
		return time.UTC
	}
	return z.loc
}

// String is the zone's name.
func (z Zone) String() string { return z.Location().String() }

// String is the list as it is written in the settings.
func (n Networks) String() string {
	parts := make([]string, len(n))
	for i, p := range n {
		parts[i] = p.String()
	}
	return strings.Join(parts, ",")
}
