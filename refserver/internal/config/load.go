package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/caarlos0/env/v11"
	"github.com/go-playground/validator/v10"
	"github.com/joho/godotenv"
)

// Error is a setting that can't be used. Its text is one line.
type Error struct {
	Variable string // the environment variable
	Value    string // what was set; "[secret]" for a secret
	Allowed  string // what would be accepted
	Cause    error  // why one of the right shape does not work; nil where the shape is wrong
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }

func (e *Error) Error() string {
	v := e.Value
	if utf8.RuneCountInString(v) > 80 {
		v = string([]rune(v)[:80]) + "..."
	}
	if v != hidden {
		v = strconv.Quote(v)
	}
	if e.Cause == nil {
		return fmt.Sprintf("%s=%s is not usable: allowed is %s", e.Variable, v, e.Allowed)
	}
	var lines []string
	for line := range strings.SplitSeq(e.Cause.Error(), "\n") {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return fmt.Sprintf("%s=%s is not usable: %s; allowed is %s", e.Variable, v, strings.Join(lines, " "), e.Allowed)
}

// Unusable is the *Error of a setting that has the right shape and does not
// work all the same: a folder that can't be written to, a server that does not
// answer.
func (c Config) Unusable(variable string, cause error) error {
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("env") == variable {
			return &Error{Variable: variable, Value: fmt.Sprint(reflect.ValueOf(c).Field(i).Interface()), Allowed: f.Tag.Get("allowed"), Cause: cause}
		}
	}
	return cause
}

// Load reads the settings from environ ("NAME=value", as os.Environ gives
// them) and, for what is not set there, from the file dotenv, which may be
// missing. A variable that is set to nothing counts as not set. The error of
// a wrong value is an *Error.
func Load(environ []string, dotenv string) (Config, error) {
	vars, err := readDotenv(dotenv)
	if err != nil {
		return Config{}, err
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
	var c Config
	if err := env.ParseWithOptions(&c, env.Options{Environment: vars}); err != nil {
		return Config{}, explain(err, vars)
	}
	if err := c.check(vars); err != nil {
		return Config{}, err
	}
	return c, nil
}

func readDotenv(file string) (map[string]string, error) {
	if file == "" {
		return map[string]string{}, nil
	}
	vars, err := godotenv.Read(file)
	if errors.Is(err, os.ErrNotExist) {
		return map[string]string{}, nil
	}
	if err != nil {
		// The parser's own message quotes the line, which may hold a secret.
		return nil, fmt.Errorf("settings file %s can't be read: it must hold lines of the form NAME=value", file)
	}
	return vars, nil
}

// explain turns an error of the env library, which names struct fields, into
// one that names the variable.
func explain(err error, vars map[string]string) error {
	var pe env.ParseError
	if errors.As(err, &pe) {
		if f, ok := reflect.TypeFor[Config]().FieldByName(pe.Name); ok {
			return fieldError(f, vars)
		}
	}
	return fmt.Errorf("reading the settings: %w", err)
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
	return &Error{Variable: name, Value: value, Allowed: f.Tag.Get("allowed")}
}

var usernamePattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,64}$`)

// check holds each field to its range, and then fields against each other.
func (c *Config) check(vars map[string]string) error {
	v := validator.New(validator.WithRequiredStructEnabled())
	for name, ok := range map[string]func(string) bool{
		"username":  usernamePattern.MatchString,
		"postgres":  func(s string) bool { return hasScheme(s, "postgres", "postgresql") },
		"redis":     func(s string) bool { return hasScheme(s, "redis", "rediss") || strings.HasPrefix(s, "unix:///") },
		"stripekey": isStripeKey,
	} {
		if err := v.RegisterValidation(name, func(fl validator.FieldLevel) bool { return ok(fl.Field().String()) }); err != nil {
			return fmt.Errorf("preparing the check of the settings: %w", err)
		}
	}
	refuse := func(field string) error {
		f, _ := reflect.TypeFor[Config]().FieldByName(field)
		return fieldError(f, vars)
	}
	var wrong validator.ValidationErrors
	if err := v.Struct(c); errors.As(err, &wrong) {
		return refuse(wrong[0].StructField())
	} else if err != nil {
		return fmt.Errorf("checking the settings: %w", err)
	}
	switch {
	case c.ReturnsRequirePhotos && c.ReturnsMaxPhotos < 1:
		return refuse("ReturnsMaxPhotos")
	case c.Production() && c.SuperAdminPassword == DefaultSuperAdminPassword:
		return &Error{Variable: "SUPER_ADMIN_PASSWORD", Value: hidden,
			Allowed: "in production a password of your own (8 to 1024 characters), not the default one"}
	case c.Production() && (c.SecretKey == DefaultSecretKey || utf8.RuneCountInString(string(c.SecretKey)) < 32):
		return &Error{Variable: "SECRET_KEY", Value: hidden,
			Allowed: "in production a key of your own of 32 to 1024 characters (openssl rand -hex 32), not the default one"}
	}
	return nil
}

func hasScheme(s string, schemes ...string) bool {
	u, err := url.Parse(s)
	// PostgreSQL may be named by a socket's folder in the query, without a host.
	if err != nil || u.Host == "" && u.RawQuery == "" {
		return false
	}
	if p := u.Port(); p != "" {
		if _, err := net.LookupPort("tcp", p); err != nil {
			return false
		}
	}
	for _, want := range schemes {
		if u.Scheme == want {
			return true
		}
	}
	return false
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
