package paysim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits on what a request may carry. Those of metadata are Stripe's
// (https://docs.stripe.com/api/metadata).
const (
	maxBody          = 64 << 10 // bytes
	maxParams        = 200
	maxMetadata      = 50
	maxMetadataKey   = 40  // characters
	maxMetadataValue = 500 // characters
	maxKey           = 255 // characters of an idempotency key
)

// params are the decoded fields of a form: flat names with brackets, such as
// metadata[order_id], each with one value, but lists (expand[], expand[0])
// gathered under the name before the bracket.
type params struct {
	values map[string]string
	lists  map[string][]string
}

// parseForm decodes a body or query string.
func parseForm(raw string) (params, *apiError) {
	p := params{values: map[string]string{}, lists: map[string][]string{}}
	if !utf8.ValidString(raw) {
		return p, invalid("", "", "Invalid request: the parameters must be UTF-8.")
	}
	parsed, err := url.ParseQuery(raw)
	if err != nil {
		return p, invalid("", "", "Invalid request: the parameters are not a well-formed form: "+err.Error())
	}
	if len(parsed) > maxParams {
		return p, invalid("", "", fmt.Sprintf("Invalid request: more than %d parameters.", maxParams))
	}
	names := make([]string, 0, len(parsed))
	for name := range parsed {
		names = append(names, name)
	}
	slices.Sort(names) // lists keep their order, and the first error is always the same
	for _, name := range names {
		values := parsed[name]
		for _, s := range append([]string{name}, values...) {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				return p, invalid("", "", "Invalid request: the parameters must be UTF-8 without NUL.")
			}
		}
		if list, ok := listName(name); ok && (list != "metadata" || name == "metadata[]") {
			p.lists[list] = append(p.lists[list], values...)
			continue
		}
		if len(values) > 1 {
			return p, invalid("", name, "Invalid request: "+name+" is given more than once.")
		}
		p.values[name] = values[0]
	}
	return p, nil
}

// listName cuts "[]" or "[0]" from the end of a name.
func listName(name string) (string, bool) {
	list, rest, ok := strings.Cut(name, "[")
	if !ok || list == "" || !strings.HasSuffix(rest, "]") {
		return "", false
	}
	for _, r := range rest[:len(rest)-1] {
		if r < '0' || r > '9' {
			return "", false
		}
	}
	return list, true
}

// fingerprint is the same for two requests exactly when endpoint and
// parameters are, whatever their order on the wire.
func (p params) fingerprint(path string) string {
	all := url.Values{}
	for name, v := range p.values {
		all.Set(name, v)
	}
	for name, l := range p.lists {
		all[name+"[]"] = l
	}
	sum := sha256.Sum256([]byte(path + "?" + all.Encode()))
	return hex.EncodeToString(sum[:])
}

// only refuses parameters that are not among the names given. A name that
// ends in "[]" allows a list or anything in brackets under it.
func (p params) only(allowed ...string) *apiError {
	known := func(name string) bool {
		root, _, nested := strings.Cut(name, "[")
		return slices.Contains(allowed, name) || nested && slices.Contains(allowed, root+"[]")
	}
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if !known(name) {
			return invalid("parameter_unknown", name, "Received unknown parameter: "+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.lists)) {
		if !slices.Contains(allowed, name+"[]") {
			return invalid("parameter_unknown", name, "Received unknown parameter: "+name)
		}
	}
	return nil
}

// integer reads a whole number of at least least; absent is (0, false).
func (p params) integer(name string, least int64) (int64, bool, *apiError) {
	raw, ok := p.values[name]
	if !ok {
		return 0, false, nil
	}
	n, err := strconv.ParseInt(raw, 10, 64)
	switch {
	case err != nil:
		return 0, false, invalid("parameter_invalid_integer", name, "Invalid integer: "+raw)
	case n < least:
		return 0, false, invalid("parameter_invalid_integer", name,
			fmt.Sprintf("This value must be greater than or equal to %d.", least))
	}
	return n, true, nil
}

func (p params) boolean(name string) (bool, *apiError) {
	switch raw := p.values[name]; raw {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	default:
		return false, invalid("", name, "Invalid boolean: "+raw)
	}
}

// choice reads a value that must be one of a few; absent is "".
func (p params) choice(name string, allowed ...string) (string, *apiError) {
	raw, ok := p.values[name]
	if !ok || slices.Contains(allowed, raw) {
		return raw, nil
	}
	return "", invalid("", name, fmt.Sprintf("Invalid %s: must be one of %s", name, strings.Join(allowed, ", ")))
}

// metadata gathers NAME[key]=value, where name is such as metadata or
// payment_intent_data[metadata]. An empty value sets nothing, as at Stripe,
// where it removes the key.
func (p params) metadata(name string) (map[string]string, *apiError) {
	var m map[string]string
	for _, full := range slices.Sorted(maps.Keys(p.values)) {
		key, ok := strings.CutPrefix(full, name+"[")
		if !ok {
			continue
		}
		if key, ok = strings.CutSuffix(key, "]"); !ok || key == "" || strings.ContainsAny(key, "[]") {
			return nil, invalid("", name, "Metadata keys must not be empty or contain square brackets.")
		}
		value := p.values[full]
		switch {
		case utf8.RuneCountInString(key) > maxMetadataKey:
			return nil, invalid("", name, fmt.Sprintf("Metadata keys may have up to %d characters.", maxMetadataKey))
		case utf8.RuneCountInString(value) > maxMetadataValue:
			return nil, invalid("", full,
				fmt.Sprintf("Metadata values can have up to %d characters.", maxMetadataValue))
		case value == "":
			continue
		}
		if m == nil {
			m = map[string]string{}
		}
		m[key] = value
	}
	if len(p.lists[name]) > 0 || p.values[name] != "" {
		return nil, invalid("", name, "Invalid object: "+name+" must be given as "+name+"[key]=value.")
	}
	if len(m) > maxMetadata {
		return nil, invalid("", name, fmt.Sprintf("You can have up to %d metadata keys.", maxMetadata))
	}
	return m, nil
}
