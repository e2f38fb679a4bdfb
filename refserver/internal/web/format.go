package web

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/notice"
)

// language is what the pages are written in, and how amounts are written on them.
const language = "en"

// amount is money in minor units as people write it: $1,050.00.
func amount(minor int64, c money.Currency) string { return money.New(minor, c).Format(language) }

// maxAmounts is how many amounts are known at a time.
const maxAmounts = 4096

// amounts remember how amounts are written: a page shows many, of the same few products, and
// writing one takes longer than all else of its row. It is safe for concurrent use.
type amounts struct {
	mu    sync.RWMutex
	known map[amountKey]string
}

type amountKey struct {
	minor    int64
	currency money.Currency
}

// text is the amount as people write it.
func (a *amounts) text(minor int64, c money.Currency) string {
	key := amountKey{minor, c}
	a.mu.RLock()
	text, ok := a.known[key]
	a.mu.RUnlock()
	if ok {
		return text
	}
	text = amount(minor, c)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil || len(a.known) >= maxAmounts {
		a.known = map[amountKey]string{}
	}
	a.known[key] = text
	return text
}

// How days and instants are written.
const (
	dayLayout    = "2 Jan 2006"
	momentLayout = "2 Jan 2006, 15:04 MST"
)

// written is an instant in the zone; one that has not come yet is a dash.
func written(t time.Time, zone *time.Location, layout string) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(zone).Format(layout)
}

// percent shows basis points.
func percent(bp int64) string {
	return strings.TrimSuffix(strings.TrimSuffix(money.FormatDecimal(bp, 2), "0"), ".0") + " %"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// unread is the number of unread notices in the header, which are counted up to notice.MaxUnread.
func unread(n int) string {
	if n >= notice.MaxUnread {
		return "99+"
	}
	return strconv.Itoa(n)
}

// words turns a code such as PENDING_AUTHORIZATION or store_credit into words
// for a page: "Pending authorization", "Store credit".
func words[T ~string](code T) string {
	s := strings.ToLower(strings.ReplaceAll(string(code), "_", " "))
	s = strings.ReplaceAll(s, "cancelled", "canceled") // stored and wire values keep two l
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// grouped groups thousands, so that 1000000 can be read.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	digits := strings.TrimPrefix(text, "-")
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return text[:len(text)-len(strings.TrimPrefix(text, "-"))] + digits
}

// lasting says a duration in the two largest units that it has.
func lasting(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return two(int(d.Minutes()), "min", int(d.Seconds())%60, "s")
	case d < 48*time.Hour:
		return two(int(d.Hours()), "h", int(d.Minutes())%60, "min")
	}
	return two(int(d.Hours())/24, "d", int(d.Hours())%24, "h")
}

func two(n int, unit string, m int, smaller string) string {
	if m == 0 {
		return fmt.Sprintf("%d %s", n, unit)
	}
	return fmt.Sprintf("%d %s %d %s", n, unit, m, smaller)
}
