package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/caarlos0/env/v11"
	"github.com/go-playground/validator/v10"
)

// Error is a setting that can't be used. Its text is one line.
type Error struct {
	Variable string // the environment variable
	Value    string // what was set; "[secret]" for a secret
	Allowed  string // what would be accepted: continues "it must be"
	Cause    error  // why one of the right shape does not work; nil where the shape is wrong
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Error returns a line such as `PORT is "abc"; it must be a number from 0 to 65535`.
func (e *Error) Error() string {
	v := e.Value
	if utf8.RuneCountInString(v) > 80 {
		v = string([]rune(v)[:80]) + "..."
	}
	if v != hidden && v != published {
		v = strconv.Quote(v)
	}
	if e.Cause == nil {
		return fmt.Sprintf("%s is %s; it must be %s", e.Variable, v, e.Allowed)
	}
	var lines []string
	for line := range strings.SplitSeq(e.Cause.Error(), "\n") {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	cause := strings.Join(lines, " ")
	return fmt.Sprintf("%s is %s, which does not work: %s; it must be %s", e.Variable, v, cause, e.Allowed)
}

// Errors are all settings that can't be used, in the order of Config. Its text
// is a line for each.
type Errors []*Error

// Error returns a line for each setting.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns each setting's *Error.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, one := range e {
		errs[i] = one
	}
	return errs
}

// err returns e as an error, nil for none.
func (e Errors) err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// Unusable returns the *Error of a setting that has the right shape and does
// not work all the same: a directory that can't be written to, a server that
// does not answer.
func (c Config) Unusable(variable string, cause error) error {
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("env") == variable {
			value := fmt.Sprint(reflect.ValueOf(c).Field(i).Interface())
			return &Error{Variable: variable, Value: value, Allowed: texts[variable].allowed, Cause: cause}
		}
	}
	return cause
}

// Load reads the settings from environ ("NAME=value", as os.Environ gives
// them) and, for what is not set there, from the file dotenv, which may be
// missing, and refuses published credentials where a stranger may use them. A
// variable that is set to nothing counts as not set. The error of wrong values
// is Errors.
func Load(environ []string, dotenv string) (Config, error) {
	c, wrong, err := read(environ, dotenv)
	if err != nil {
		return Config{}, err
	}
	if wrong = append(wrong, c.credentials(wrong)...); len(wrong) > 0 {
		return Config{}, wrong
	}
	return c, nil
}

// Read is Load for a program that only calls a shop with these settings: it
// takes published credentials everywhere.
func Read(environ []string, dotenv string) (Config, error) {
	c, wrong, err := read(environ, dotenv)
	if err == nil {
		err = wrong.err()
	}
	if err != nil {
		return Config{}, err
	}
	return c, nil
}

// read parses the settings and holds each to its range. wrong lists the settings that
// are outside; their fields have no meaning.
func read(environ []string, dotenv string) (c Config, wrong Errors, err error) {
	vars, err := readDotenv(dotenv)
	if err != nil {
		return Config{}, nil, err
	}
	for k, v := range env.ToMap(environ) {
		if v != "" {
			vars[k] = v
		}
	}
	for k, v := range vars {
		if strings.TrimSpace(v) == "" {
			delete(vars, k)
		}
	}
	bad := map[string]bool{} // by field
	if err := env.ParseWithOptions(&c, env.Options{Environment: vars}); err != nil {
		if err := unparsed(err, bad); err != nil {
			return Config{}, nil, err
		}
	}
	if err := c.check(bad); err != nil {
		return Config{}, nil, err
	}
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		if f := t.Field(i); bad[f.Name] {
			wrong = append(wrong, fieldError(f, vars))
		}
	}
	return c, wrong, nil
}

// unparsed notes the fields that err, of the env library, says are not of
// their type. What else err says comes back.
func unparsed(err error, bad map[string]bool) error {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return fmt.Errorf("reading the settings: %w", err)
	}
	for _, one := range all.Errors {
		var parse env.ParseError
		if !errors.As(one, &parse) {
			return fmt.Errorf("reading the settings: %w", one)
		}
		bad[parse.Name] = true
	}
	return nil
}

func fieldError(f reflect.StructField, vars map[string]string) *Error {
	name := f.Tag.Get("env")
	value, set := vars[name]
	if !set {
		value = f.Tag.Get("envDefault")
	}
	if f.Type == reflect.TypeFor[Secret]() {
		value = Secret(value).String()
	}
	return &Error{Variable: name, Value: value, Allowed: texts[name].allowed}
}

var usernamePattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,64}$`)

// check holds each field to its range, and then fields against each other. It
// notes the fields that are outside.
func (c *Config) check(bad map[string]bool) error {
	v := validator.New(validator.WithRequiredStructEnabled())
	for name, ok := range map[string]func(string) bool{
		"username":  usernamePattern.MatchString,
		"postgres":  func(s string) bool { return hasScheme(s, "postgres", "postgresql") },
		"redis":     func(s string) bool { return hasScheme(s, "redis", "rediss") || strings.HasPrefix(s, "unix:///") },
		"smtp":      func(s string) bool { return hasScheme(s, "smtp", "smtps") },
		"stripekey": isStripeKey,
	} {
		err := v.RegisterValidation(name, func(fl validator.FieldLevel) bool { return ok(fl.Field().String()) })
		if err != nil {
			return fmt.Errorf("preparing the check of the settings: %w", err)
		}
	}
	var outside validator.ValidationErrors
	if err := v.Struct(c); errors.As(err, &outside) {
		for _, one := range outside {
			bad[one.StructField()] = true
		}
	} else if err != nil {
		return fmt.Errorf("checking the settings: %w", err)
	}
	for field, text := range map[string]string{
		"ApprovalAmount": c.ApprovalAmount, "ApprovalAmountPerDay": c.ApprovalAmountPerDay,
	} {
		if _, ok := limitsOf(text, c.Money()); !ok {
			bad[field] = true
		}
	}
	if c.ReturnsRequirePhotos && c.ReturnsMaxPhotos < 1 {
		bad["ReturnsMaxPhotos"] = true
	}
	return nil
}

func hasScheme(s string, schemes ...string) bool {
	u, err := url.Parse(s)
	// PostgreSQL may be named by a socket's directory in the query, without a host.
	if err != nil || u.Host == "" && u.RawQuery == "" {
		return false
	}
	if p := u.Port(); p != "" {
		if _, err := net.LookupPort("tcp", p); err != nil {
			return false
		}
	}
	return slices.Contains(schemes, u.Scheme)
}

func isStripeKey(s string) bool {
	if strings.ContainsAny(s, " \t\r\n") {
		return false
	}
	for _, prefix := range []string{"sk_test_", "rk_test_", "sk_live_", "rk_live_"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok && rest != "" {
			return true
		}
	}
	return false
}
