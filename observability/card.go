package observability

// A digit of a text that may belong to a card number.
type digit struct {
	at    int // offset in the text
	value byte
}

// Card numbers have this many digits (ISO/IEC 7812).
const (
	minCardDigits = 13
	maxCardDigits = 19
)

// span is a half-open range of bytes.
type span struct{ from, to int }

// cardSpans appends to spans where card numbers stand in s: 13 to 19 digits
// that pass the Luhn check, alone or in groups as cards are printed; and, in
// longer or otherwise grouped runs of digits, any stretch that has an
// issuer's prefix and length and passes. UUIDs and hashes are left alone: they
// have such digits by chance.
func cardSpans(s string, spans []span) []span {
	for i := 0; i < len(s); {
		if !isDigit(s[i]) {
			i++
			continue
		}
		var buf [64]digit
		run, end := digitRun(s, i, buf[:0])
		if len(run) >= minCardDigits {
			spans = cardsInRun(s, run, spans)
		}
		i = end
	}
	return spans
}

// digitRun collects the digits from s[i] on, which may have one separator
// between them, and returns where they end.
func digitRun(s string, i int, run []digit) ([]digit, int) {
	for i < len(s) {
		if isDigit(s[i]) {
			run = append(run, digit{i, s[i] - '0'})
			i++
			continue
		}
		n := separatorLen(s[i:])
		if n == 0 || i+n >= len(s) || !isDigit(s[i+n]) {
			break
		}
		i += n
	}
	return run, i
}

// separatorLen is the length of the separator s starts with, or 0: a space, a
// no-break space, tab, hyphen, dot, slash or underscore.
func separatorLen(s string) int {
	switch s[0] {
	case ' ', '\t', '-', '.', '/', '_':
		return 1
	case 0xC2:
		if len(s) > 1 && s[1] == 0xA0 {
			return 2
		}
	}
	return 0
}

func cardsInRun(s string, run []digit, spans []span) []span {
	add := func(part []digit) {
		spans = append(spans, span{part[0].at, part[len(part)-1].at + 1})
	}
	if len(run) <= maxCardDigits && printedLikeCard(run) && luhn(run) && !inID(s, run) {
		add(run)
		return spans
	}
	for i := 0; i+minCardDigits <= len(run); {
		n := issuedCard(run[i:])
		if n == 0 || inID(s, run[i:i+n]) {
			i++
			continue
		}
		add(run[i : i+n])
		i += n
	}
	return spans
}

// printedLikeCard reports whether the digits stand together, or in the groups
// 4-4-4-... or 4-6-4 or 4-6-5. Without it dates and RMA numbers would be treated as
// cards one time in ten.
func printedLikeCard(run []digit) bool {
	var groups [maxCardDigits]int
	g := 0
	for i := range run {
		if i > 0 && run[i].at != run[i-1].at+1 {
			g++
		}
		groups[g]++
	}
	used := groups[:g+1]
	switch {
	case g == 0:
		return true
	case g == 2 && used[0] == 4 && used[1] == 6:
		return true
	}
	for _, n := range used[:g] {
		if n != 4 {
			return false
		}
	}
	return used[g] <= 4
}

// issuedCard returns the length of the card number that run starts with, by
// the prefixes and lengths of the large issuers, or 0.
func issuedCard(run []digit) int {
	prefix := int(run[0].value)*1000 + int(run[1].value)*100 + int(run[2].value)*10 + int(run[3].value)
	var lengths []int
	switch {
	case prefix/1000 == 4: // Visa
		lengths = []int{19, 16, 13}
	case prefix/100 >= 51 && prefix/100 <= 55, prefix >= 2221 && prefix <= 2720: // Mastercard
		lengths = []int{16}
	case prefix/100 == 34, prefix/100 == 37: // American Express
		lengths = []int{15}
	case prefix/100 == 36, prefix/100 == 38, prefix/100 == 39, prefix/10 >= 300 && prefix/10 <= 305: // Diners
		lengths = []int{16, 14}
	case prefix == 6011, prefix/100 == 65, prefix/10 >= 644 && prefix/10 <= 649, // Discover
		prefix >= 3528 && prefix <= 3589, // JCB
		prefix/100 == 62:                 // UnionPay
		lengths = []int{19, 18, 17, 16}
	case prefix/100 == 50, prefix/100 >= 56 && prefix/100 <= 69: // Maestro
		lengths = []int{19, 18, 16, 13}
	}
	for _, n := range lengths {
		if n <= len(run) && luhn(run[:n]) {
			return n
		}
	}
	return 0
}

// luhn reports whether the check digit is right (ISO/IEC 7812-1, annex B). Zeros alone
// pass it but are nobody's card.
func luhn(run []digit) bool {
	sum, any := 0, false
	for i := range run {
		d := int(run[len(run)-1-i].value)
		any = any || d != 0
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return any && sum%10 == 0
}

// inID reports whether the digits lie within a UUID's 8-4-4-4-12 or a hash or trace id
// of 32, 40 or 64 hex digits that has letters too.
func inID(s string, run []digit) bool {
	first, last := run[0].at, run[len(run)-1].at
	for from := max(0, last-35); from <= first && from+36 <= len(s); from++ {
		if looksLikeUUID(s[from : from+36]) {
			return true
		}
	}
	const longest = 64
	from, to, letters := first, first, false
	for from > 0 && isHexByte(s[from-1]) && first-from <= longest {
		from--
		letters = letters || !isDigit(s[from])
	}
	for to < len(s) && isHexByte(s[to]) && to-from <= longest {
		letters = letters || !isDigit(s[to])
		to++
	}
	n := to - from
	return letters && to > last && (n == 32 || n == 40 || n == 64)
}

func looksLikeUUID(s string) bool {
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !isHexByte(s[i]) {
				return false
			}
		}
	}
	return true
}

func isHexByte(b byte) bool { return isDigit(b) || b|0x20 >= 'a' && b|0x20 <= 'f' }

func isDigit(b byte) bool { return b >= '0' && b <= '9' }
