// Package input reads what callers send, a form, a query or a JSON object, into
// a struct, and checks it. It is the one place that says what is wrong with a
// value, in words that name the field and what is allowed.
//
// The tags of a field say what it is: json its name in JSON, in forms and in
// messages; validate the rule, as github.com/go-playground/validator has it. Its
// words are in texts.go. Besides validator's own rules there are
//
//	word=A B        one of the words, in any case
//	known=statuses  one of the words of a list of the domain packages, in any case
//	decimals=N      a number of 0 or more with at most N decimals
//	percent=N       a number from N to 100 with at most 2 decimals
//
// The words are named in the message where texts.go has nothing else.
//
// What the domain packages judge themselves, such as whether the policy allows a
// reason, is not repeated here.
package input

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-playground/validator/v10"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/returns"
)

// rules returns the validator with the rules of this package.
var rules = sync.OnceValue(func() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(fieldName)
	for name, ok := range map[string]validator.Func{
		"word":     func(f validator.FieldLevel) bool { return isWord(f.Field().String(), strings.Fields(f.Param())) },
		"known":    func(f validator.FieldLevel) bool { return isWord(f.Field().String(), known[f.Param()]()) },
		"decimals": func(f validator.FieldLevel) bool { return isDecimal(f.Field().String(), f.Param()) },
		"percent":  func(f validator.FieldLevel) bool { return isPercent(f.Field().String(), f.Param()) },
	} {
		if err := v.RegisterValidation(name, ok); err != nil {
			panic(fmt.Sprintf("input: rule %s: %v", name, err)) // a name of our own; a test registers them all
		}
	}
	return v
})

// known are the lists of words that a field may hold, in the case in which
// answers give them.
var known = map[string]func() []string{
	"statuses":     func() []string { return upper(returns.Statuses()) },
	"conditions":   func() []string { return upper(returns.AllConditions()) },
	"dispositions": func() []string { return plain(returns.AllDispositions()) },
	"rules":        returns.Rules,
	"methods": func() []string {
		return upper([]payment.Method{payment.Card, payment.Cash, payment.StoreCredit, payment.OriginalMethod})
	},
	"results": func() []string {
		return upper([]returns.InspectionResult{
			returns.InspectionApproved, returns.InspectionPartiallyApproved, returns.InspectionRejected,
		})
	},
}

func upper[T ~string](list []T) []string {
	out := plain(list)
	for i, text := range out {
		out[i] = strings.ToUpper(text)
	}
	return out
}

func plain[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

func isWord(text string, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, text) })
}

func isDecimal(text, digits string) bool {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return false
	}
	value, err := money.ParseDecimal(text, n)
	return err == nil && value >= 0
}

func isPercent(text, least string) bool {
	value, err := money.ParseDecimal(text, 2)
	from, wrong := money.ParseDecimal(least, 2)
	return err == nil && wrong == nil && from <= value && value <= 100_00
}

// Check returns all that is wrong with v, a struct or a pointer to one, as a
// *problem.Error that names each field, or nil.
func Check(v any) error { return problem.Mistaken(find(v)...) }

// find lists what is wrong with v.
func find(v any) []problem.Mistake {
	err := rules().Struct(v)
	var wrong validator.ValidationErrors
	if !errors.As(err, &wrong) {
		return nil
	}
	kind := reflect.TypeOf(v)
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	var out []problem.Mistake
	for _, w := range wrong {
		_, namespace, _ := strings.Cut(w.Namespace(), ".")
		path, field := locate(kind, namespace)
		say := textOf(field)
		m := problem.Mistake{Field: path, Label: say.label}
		if value := valueOf(w); value != "" {
			m.Text = isBut(value, cmp.Or(say.allowed, words(field)))
		} else {
			m.Text = " is missing; it must be " + cmp.Or(say.allowed, words(field)) + "."
			m.Prompt = say.prompt
		}
		out = append(out, m)
	}
	return out
}

// words names the words that the rules of a field allow.
func words(f reflect.StructField) string {
	var list []string
	either := func(c rune) bool { return c == ',' || c == '|' }
	for _, rule := range strings.FieldsFunc(f.Tag.Get("validate"), either) {
		switch name, param, _ := strings.Cut(rule, "="); name {
		case "word":
			list = append(list, strings.Fields(param)...)
		case "known":
			list = append(list, known[param]()...)
		}
	}
	if len(list) == 0 {
		return "another value"
	}
	return "one of " + strings.Join(list, ", ")
}

// valueOf is a value as its sender wrote it; a list is not repeated.
func valueOf(w validator.FieldError) string {
	v := reflect.ValueOf(w.Value())
	for v.IsValid() && v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	switch {
	case !v.IsValid() || v.Kind() == reflect.Struct:
		return ""
	case v.Kind() == reflect.Slice:
		if v.Len() == 0 {
			return ""
		}
		return fmt.Sprintf("a list of %d", v.Len())
	}
	return fmt.Sprint(v.Interface())
}

// isBut says that a field holds text and must be another.
func isBut(text, allowed string) string {
	return fmt.Sprintf(" is %q; it must be %s.", Clip(text), allowed)
}

// locate follows path, such as Filing.ReturnParams.items[0].quantity without its
// first name, through a struct type. It returns the path that a caller knows,
// items[0].quantity, which leaves out the structs that others are embedded in,
// and the field at its end.
func locate(kind reflect.Type, path string) (string, reflect.StructField) {
	var known []string
	var field reflect.StructField
	for part := range strings.SplitSeq(path, ".") {
		for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice {
			kind = kind.Elem()
		}
		if kind.Kind() != reflect.Struct {
			break
		}
		if f, ok := kind.FieldByName(part); ok && f.Anonymous {
			kind = f.Type
			continue
		}
		known = append(known, part)
		name, _, _ := strings.Cut(part, "[")
		field = reflect.StructField{Type: reflect.TypeFor[any]()}
		for _, f := range reflect.VisibleFields(kind) {
			if !f.Anonymous && fieldName(f) == name {
				field = f
			}
		}
		kind = field.Type
	}
	return strings.Join(known, "."), field
}

// fieldName is the name of a field in JSON; empty for one that is not sent.
func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" {
		return ""
	}
	return name
}
