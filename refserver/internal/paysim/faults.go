package paysim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"time"
)

// defaultKeyAge is how long an idempotency key is remembered when the plan
// names no age. Stripe removes keys "after they're at least 24 hours old"
// (https://docs.stripe.com/api/idempotent_requests).
const defaultKeyAge = 24 * time.Hour

// The largest values a plan may hold.
const (
	maxLatencyMS = 600_000     // 10 minutes
	maxKeyAgeS   = 366 * 86400 // a year
)

// Faults is what goes wrong, and how often. The zero value is a provider that
// works. Its JSON form is what PUT and PATCH /_sim/faults take.
type Faults struct {
	// Down cuts the connection of every API call, look-ups too, before any
	// effect. The control endpoints still work.
	Down bool `json:"down"`
	// LatencyMS delays every API call that gets as far as being executed, in
	// milliseconds, 0 to 600000. The effect
	// comes after the delay, also when the caller has gone away by then; until
	// then the call's idempotency key is in flight.
	LatencyMS float64 `json:"latency_ms"`
	// Charge applies to PaymentIntents and Checkout Sessions.
	Charge CallFaults `json:"charge"`
	// Refund applies to Refunds.
	Refund CallFaults `json:"refund"`
	// KeyAgeS is the age in seconds at which an idempotency key is forgotten;
	// 0 means 24 hours.
	KeyAgeS float64 `json:"key_age_s"`
	// RefundFailsLater is the probability, 0 to 1, that a new refund first
	// succeeds and some time later (Config.SettleAfter) fails.
	RefundFailsLater float64 `json:"refund_fails_later"`
	// ChargeCode is the decline code of a charge that Charge.Error4xx declines,
	// such as insufficient_funds; "" means generic_decline.
	ChargeCode string `json:"charge_code,omitempty"`
	// RefundCode is the error code of a refund that Refund.Error4xx refuses, such as
	// charge_already_refunded; "" means charge_not_refundable.
	RefundCode string `json:"refund_code,omitempty"`
}

// codeShape is how the codes of Stripe are written.
var codeShape = regexp.MustCompile(`^[a-z][a-z0-9_]{0,79}$`)

// codes lists the fields that hold a code.
func (f *Faults) codes() map[string]*string {
	return map[string]*string{"charge_code": &f.ChargeCode, "refund_code": &f.RefundCode}
}

func checkCode(field, code string) error {
	if code == "" || codeShape.MatchString(code) {
		return nil
	}
	return &FaultsError{Field: field, Allowed: "a code of Stripe's, such as insufficient_funds, or \"\"",
		Got: shortened(marshal(code))}
}

// CallFaults holds probabilities from 0 to 1. One change suffers at most one of
// them, and each exactly as often as it says as long as their sum is at most
// 1; where the sum is more, the ones listed last give way.
type CallFaults struct {
	// TimeoutBefore never answers; there is no effect.
	TimeoutBefore float64 `json:"timeout_before"`
	// TimeoutAfter applies the effect and never answers.
	TimeoutAfter float64 `json:"timeout_after"`
	// DropAfter applies the effect and cuts the connection.
	DropAfter float64 `json:"drop_after"`
	// Error5xx answers 500; no effect, nothing stored under the key.
	Error5xx float64 `json:"error_5xx"`
	// Error5xxAfter applies the effect, stores its true answer under the key,
	// and answers 500: sent again with the key, the call gets the true answer.
	Error5xxAfter float64 `json:"error_5xx_after"`
	// Stored5xx answers 500 and stores that under the key, to be replayed for
	// ever. The effect is applied in half of the cases, because a caller cannot
	// know which it was and must look it up. Calls whose key has an answer
	// already are not affected.
	Stored5xx float64 `json:"stored_5xx"`
	// Conflict409 answers 409 as if the key were in flight; no effect.
	Conflict409 float64 `json:"conflict_409"`
	// Error4xx is a definite no, stored under the key: a declined card (402)
	// where a charge would have been made, a refused refund (400). Create
	// without confirm, cancel and Checkout Sessions are not affected, nor are
	// calls whose key has an answer already.
	Error4xx float64 `json:"error_4xx"`
	// Lookup5xx answers 500 to a call that retrieves or lists. Those suffer
	// nothing else of this plan: with Error5xx it makes an outage, during which
	// the result of a call can't be found out either.
	Lookup5xx float64 `json:"lookup_5xx"`
}

// FaultsError names the field of a plan whose value is not allowed.
type FaultsError struct {
	Field   string // as in the JSON, such as "charge.drop_after"
	Allowed string
	Got     string
}

func (e *FaultsError) Error() string {
	return fmt.Sprintf("%s: %s is not allowed; allowed: %s", e.Field, e.Got, e.Allowed)
}

// number is a field of the plan that holds one.
type number struct {
	name string
	to   *float64
	max  float64
}

func (n number) allowed() string {
	if n.max == 1 {
		return "a probability from 0 to 1"
	}
	return fmt.Sprintf("a number from 0 to %.0f", n.max)
}

func (n number) check() error {
	if v := *n.to; math.IsNaN(v) || v < 0 || v > n.max {
		return &FaultsError{Field: n.name, Allowed: n.allowed(), Got: fmt.Sprint(v)}
	}
	return nil
}

// numbers lists all fields.
func (c *CallFaults) numbers(prefix string) []number {
	return append(c.changes(prefix), number{prefix + "lookup_5xx", &c.Lookup5xx, 1})
}

// changes lists what can befall a change, in the order in which faults give way.
func (c *CallFaults) changes(prefix string) []number {
	return []number{
		{prefix + "timeout_before", &c.TimeoutBefore, 1},
		{prefix + "timeout_after", &c.TimeoutAfter, 1},
		{prefix + "drop_after", &c.DropAfter, 1},
		{prefix + "error_5xx", &c.Error5xx, 1},
		{prefix + "error_5xx_after", &c.Error5xxAfter, 1},
		{prefix + "stored_5xx", &c.Stored5xx, 1},
		{prefix + "conflict_409", &c.Conflict409, 1},
		{prefix + "error_4xx", &c.Error4xx, 1},
	}
}

func (f *Faults) ownNumbers() []number {
	return []number{
		{"latency_ms", &f.LatencyMS, maxLatencyMS},
		{"key_age_s", &f.KeyAgeS, maxKeyAgeS},
		{"refund_fails_later", &f.RefundFailsLater, 1},
	}
}

func (f *Faults) numbers() []number {
	return slices.Concat(f.ownNumbers(), f.Charge.numbers("charge."), f.Refund.numbers("refund."))
}

// Validate returns a *FaultsError for the first value that is not allowed.
func (f Faults) Validate() error {
	for _, n := range f.numbers() {
		if err := n.check(); err != nil {
			return err
		}
	}
	for name, code := range f.codes() {
		if err := checkCode(name, *code); err != nil {
			return err
		}
	}
	return nil
}

func (f *Faults) latency() time.Duration {
	return time.Duration(f.LatencyMS * float64(time.Millisecond))
}

func (f *Faults) keyAge() time.Duration {
	if f.KeyAgeS == 0 {
		return defaultKeyAge
	}
	return time.Duration(f.KeyAgeS * float64(time.Second))
}

// ParseFaults reads a whole plan from JSON; what is missing is 0. A field that
// does not exist or holds something not allowed gives a *FaultsError.
func ParseFaults(data []byte) (Faults, error) { return Faults{}.Merge(data) }

// Merge returns the plan with the fields that the JSON holds; what is missing
// stays as it is. It returns the errors of ParseFaults.
func (f Faults) Merge(data []byte) (Faults, error) {
	fields, err := object("the plan", data)
	if err != nil {
		return Faults{}, err
	}
	for _, part := range []struct {
		name string
		to   *CallFaults
	}{{"charge", &f.Charge}, {"refund", &f.Refund}} {
		raw, ok := fields[part.name]
		if !ok {
			continue
		}
		inner, err := object(part.name, raw)
		if err != nil {
			return Faults{}, err
		}
		if err := setNumbers(part.name+".", part.to.numbers(part.name+"."), inner); err != nil {
			return Faults{}, err
		}
		delete(fields, part.name)
	}
	if raw, ok := fields["down"]; ok {
		if string(raw) == "null" || json.Unmarshal(raw, &f.Down) != nil {
			return Faults{}, &FaultsError{Field: "down", Allowed: "true or false", Got: shortened(raw)}
		}
		delete(fields, "down")
	}
	for name, code := range f.codes() {
		raw, ok := fields[name]
		if !ok {
			continue
		}
		if string(raw) == "null" || json.Unmarshal(raw, code) != nil {
			return Faults{}, &FaultsError{Field: name, Allowed: "a text", Got: shortened(raw)}
		}
		if err := checkCode(name, *code); err != nil {
			return Faults{}, err
		}
		delete(fields, name)
	}
	if err := setNumbers("", f.ownNumbers(), fields); err != nil {
		return Faults{}, err
	}
	return f, nil
}

// setNumbers sets the numbers that are known from the fields, which must hold
// nothing else.
func setNumbers(prefix string, known []number, fields map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		full, raw := prefix+name, fields[name]
		i := slices.IndexFunc(known, func(n number) bool { return n.name == full })
		if i < 0 {
			return &FaultsError{Field: full, Allowed: "the fields of the plan", Got: "this field"}
		}
		n := known[i]
		if string(raw) == "null" || json.Unmarshal(raw, n.to) != nil {
			return &FaultsError{Field: full, Allowed: n.allowed(), Got: shortened(raw)}
		}
		if err := n.check(); err != nil {
			return err
		}
	}
	return nil
}

// object reads exactly one JSON object.
func object(field string, data []byte) (map[string]json.RawMessage, error) {
	bad := &FaultsError{Field: field, Allowed: "one JSON object", Got: shortened(data)}
	dec := json.NewDecoder(bytes.NewReader(data))
	var m map[string]json.RawMessage
	if err := dec.Decode(&m); err != nil || m == nil {
		return nil, bad
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, bad
	}
	return m, nil
}

func shortened(raw []byte) string {
	const limit = 40
	if len(raw) > limit {
		return fmt.Sprintf("%.*q...", limit, raw)
	}
	return fmt.Sprintf("%q", raw)
}

// fault is what befalls one call.
type fault int

const (
	faultNone fault = iota
	// In the order of CallFaults.changes.
	faultTimeoutBefore
	faultTimeoutAfter
	faultDropAfter
	faultError5xx
	faultError5xxAfter
	faultStored5xx
	faultConflict409
	faultError4xx
)

// pick chooses by a number from [0, 1).
func (c CallFaults) pick(draw float64) fault {
	var upTo float64
	for i, n := range c.changes("") {
		if upTo += *n.to; draw < upTo {
			return fault(i + 1)
		}
	}
	return faultNone
}
