package observability

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestRedactString(t *testing.T) {
	const x = redacted
	tests := []struct{ name, in, want string }{
		{"a card alone", "4111111111111111", x},
		{"a card in a sentence", "card 4111 1111 1111 1111 declined", "card " + x + " declined"},
		{"hyphens", "5555-5555-5555-4444.", x + "."},
		{"dots", "4111.1111.1111.1111", x},
		{"no-break spaces", "4111\u00a01111\u00a01111\u00a01111", x},
		{"American Express", "3782 822463 10005", x},
		{"Diners", "3056 930902 5904", x},
		{"thirteen digits", "4222222222222", x},
		{"nineteen digits", "6304 0000 0000 0000 000", x},
		{"no issuer", "1234567812345670", x},
		{"letters around", "VISA4111111111111111x", "VISA" + x + "x"},
		{"after another number", "12 4111111111111111", "12 " + x},
		{"with its expiry date glued on", "4111111111111111122030", x + "122030"},
		{"strange groups", "41 11 11 11 11 11 11 11", x},
		{"two cards", "4111111111111111,5555555555554444", x + "," + x},
		{"wrong check digit", "4111111111111112", "4111111111111112"},
		{"zeros", "0000000000000000", "0000000000000000"},
		{"twelve digits", "411111111111", "411111111111"},
		{"an RMA number that passes the check", "RMA-20261004-00002", "RMA-20261004-00002"},
		{"a UUID whose end is a card", "0190a5d4-7b1c-7c3d-4111-111111111111", "0190a5d4-7b1c-7c3d-4111-111111111111"},
		{"a hash", "d41d4111111111111111f8ecf8427e0a", "d41d4111111111111111f8ecf8427e0a"},
		{"a time", "2026-10-04T18:22:33.456Z", "2026-10-04T18:22:33.456Z"},

		{"form field", "username=ada&password=s3cr3t!,x&remember=1", "username=ada&password=" + x + "&remember=1"},
		{"JSON", `{"user":"ada","password":"a\"b","n":1}`, `{"user":"ada","password":"` + x + `","n":1}`},
		{"JSON in JSON", `{\"api_key\":\"abc\",\"n\":1}`, `{\"api_key\":\"` + x + `\",\"n\":1}`},
		{"a JSON number", `{"cvv":123,"n":1}`, `{"cvv":` + x + `,"n":1}`},
		{"a JSON list", `{"tokens":["a","b"] ,"n":1}`, `{"tokens":` + x + ` ,"n":1}`},
		{"a Go map", "map[password:hunter2 user:ada]", "map[password:" + x + " user:ada]"},
		{"a Go header", "map[Cookie:[a=1; b=2] Host:[x]]", "map[Cookie:" + x + " Host:[x]]"},
		{"a colon", "Password: hunter2", "Password: " + x},
		{"an arrow", "token => abc123 ok", "token => " + x + " ok"},
		{"shell quotes", "export SECRET_KEY='a b c'", "export SECRET_KEY='" + x + "'"},
		{"SQL quotes", "set password='it''s mine' where", "set password='" + x + " mine' where"},
		{"quote never closed", `password="abc def`, `password="` + x},
		{"bracket never closed", `password=[abc def`, `password=` + x},
		{"text after a bracket", `password=(abc)def ok`, `password=` + x + ` ok`},
		{
			"an element",
			"<user>ada</user><password>hunter2</password>",
			"<user>ada</user><password>" + x + "</password>",
		},
		{"authorization", "Authorization: Bearer abc.def\nHost: x", "Authorization: " + x + "\nHost: x"},
		{"bearer", "sent bearer abc123 to x", "sent bearer " + x + " to x"},
		{"bearer and a colon", "Bearer :abc123", "Bearer " + x},
		{"bearer with a colon", "bearer: abc123", "bearer: " + x},
		{"bearer twice", "Bearer Bearer abc123 ok", "Bearer " + x + " " + x + " ok"},
		{"bearer token", "Bearer token: abc123 ok", "Bearer " + x + " " + x + " ok"},
		{"a name after a name", "password: token: abc ok", "password: " + x + " " + x + " ok"},
		{"basic credentials", "Basic YWRhOmh1bnRlcjI= given", "Basic " + x + " given"},
		{"basic as a word", "basic authentication needed", "basic authentication needed"},
		{"cookies", "Cookie: session=abc; theme=dark", "Cookie: " + x},
		{"set-cookie", "Set-Cookie: id=abc; HttpOnly", "Set-Cookie: " + x},
		{
			"database address",
			"dial postgres://shop:pa:ss@db:5432/x?a=1 failed",
			"dial postgres://shop:" + x + "@db:5432/x?a=1 failed",
		},
		{"an address without password", "https://x.example:443/a@b", "https://x.example:443/a@b"},
		{"an own key", "key sk_live_51AbCdEf used", "key " + x + " used"},
		{"a webhook secret", "whsec_abc", x},
		{"a client secret", "pi_123_secret_456", x},
		{"a web token", "eyJhbGciOi.eyJzdWIi.c2ln", x},
		{"ends after the name", "password=", "password="},
		{"a name without value", "the password was wrong", "the password was wrong"},
		{"nothing", "order 42 completed: 3 lines, total=19.99", "order 42 completed: 3 lines, total=19.99"},
		{"empty", "", ""},
	}
	r := NewRedactor(RedactConfig{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := r.String(tt.in)
			if got != tt.want {
				t.Errorf("String(%q)\n = %q\nwant %q", tt.in, got, tt.want)
			}
			if again := r.String(got); strings.Count(again, x) < strings.Count(got, x) {
				t.Errorf("a second pass changed %q to %q", got, again)
			}
		})
	}
}

func TestSensitiveNames(t *testing.T) {
	r := NewRedactor(RedactConfig{Keys: []string{"Tax-ID"}})
	for name, want := range map[string]bool{
		"password": true, "PASSWORD": true, "user_password": true, "newPassword": true, "X-API-Key": true,
		"Set-Cookie": true, "csrf_token": true, "card.number": true, "cvc": true, "PAN": true, "tax_id": true,
		"Stripe-Signature": true, "STRIPE_SECRET_KEY": true, "client secret": true,
		"order_id": false, "company": false, "panel": false, "author": false, "": false, "request_id": false,
		"idempotency_key": false, "passed": false, "method": false,
	} {
		if got := r.sensitive(name); got != want {
			t.Errorf("Sensitive(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestOwnPrefixes(t *testing.T) {
	for _, c := range []struct {
		prefixes     []string
		give, redact string
	}{
		{[]string{"shop_key_"}, "user shop_key_A1b2 is unknown", "user [REDACTED] is unknown"},
		{[]string{"shop_key_"}, "shop_key_ is how keys begin, ashop_key is none", ""},
		{[]string{"shop_key_"}, "sk_live_51AbCdEf", "[REDACTED]"},
		{[]string{"pk-", ""}, "the key pk-77 opens nothing", "the key [REDACTED] opens nothing"},
		{nil, "user shop_key_A1b2 is unknown", ""},
	} {
		want := c.redact
		if want == "" {
			want = c.give
		}
		if got := NewRedactor(RedactConfig{Prefixes: c.prefixes}).String(c.give); got != want {
			t.Errorf("with %q, %q becomes %q, want %q", c.prefixes, c.give, got, want)
		}
	}
}

// TestOperationsAreKept: what failed is no secret, and what is one is taken out beside it.
func TestOperationsAreKept(t *testing.T) {
	const x = redacted
	for name, tc := range map[string]struct{ give, want string }{
		"a package":                 {"auth: sign in ada: disk full", "auth: sign in ada: disk full"},
		"an operation of a package": {"auth: insert session: commit: full", "auth: insert session: commit: full"},
		"wrapped":                   {"shop: auth: change password: full", "shop: auth: change password: full"},
		"a secret in what it wraps": {"auth: dial: password=hunter2 bad", "auth: dial: password=" + x + " bad"},
		"a name after an operation": {"auth: password: hunter2", "auth: password: " + x},
		"within a sentence":         {"the auth: hunter2", "the auth: " + x},
		"the end of another word":   {"oauth-token: hunter2", "oauth-token: " + x},
		"an operation of others":    {"reset token: hunter2", "reset token: " + x},
		"a value in quotes":         {`auth: "hunter2"`, `auth: "` + x + `"`},
		"an assignment":             {"auth=hunter2", "auth=" + x},
		"no space":                  {"auth:hunter2", "auth:" + x},
		"a member of JSON":          {`{"auth": "hunter2"}`, `{"auth": "` + x + `"}`},
		"nothing after it":          {"auth: ", "auth: "},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewRedactor(RedactConfig{Operations: []string{"", "auth", "insert session", "change password"}})
			if got := r.String(tc.give); got != tc.want {
				t.Errorf("%q becomes %q, want %q", tc.give, got, tc.want)
			}
		})
	}
	if got := NewRedactor(RedactConfig{}).String("auth: hunter2"); got != "auth: "+x {
		t.Errorf("without operations: %q", got)
	}
}

// Types whose secrets are behind methods.
type (
	cardStringer struct{ number string }
	secretValuer struct{}
	panicky      struct{ s *string }
	login        struct {
		User     string
		Password string `json:"password"`
		Nested   struct{ Note string }
	}
)

func (c cardStringer) String() string     { return "card " + c.number }
func (secretValuer) LogValue() slog.Value { return slog.GroupValue(slog.String("token", "hunter2")) }
func (p *panicky) String() string         { return *p.s }
func (p *panicky) Error() string          { return *p.s }
func (p *panicky) LogValue() slog.Value   { return slog.StringValue(*p.s) }

// secretsOfAllKinds hide "hunter2" and a card number where slog would show it.
func secretsOfAllKinds() []any {
	l := login{User: "ada", Password: "hunter2"}
	l.Nested.Note = "paid with 4111 1111 1111 1111"
	u, _ := url.Parse("https://ada:hunter2@example.org/")
	return []any{
		slog.String("password", "hunter2"),
		slog.String("note", "password=hunter2"),
		slog.Any("err", fmt.Errorf("charge: %w", errors.New("card 4111111111111111 token=hunter2"))),
		slog.Any("stringer", cardStringer{"4111111111111111"}),
		slog.Any("pointer", &cardStringer{"4111111111111111"}),
		slog.Any("valuer", secretValuer{}),
		slog.Any("struct", l),
		slog.Any("structs", []*login{&l}),
		slog.Any("map", map[string]any{"a": map[string]any{"secret": "hunter2"}, "4111111111111111": 1}),
		slog.Any("header", http.Header{"Authorization": {"Bearer hunter2"}, "Cookie": {"hunter2"}}),
		slog.Any("url", u),
		slog.Any("bytes", []byte(`{"password":"hunter2"}`)),
		slog.Any("raw", json.RawMessage(`{"card":4111111111111111,"password":"hunter2"}`)),
		slog.Any("strings", []string{"token: hunter2"}),
		slog.Int64("int", 4111111111111111),
		slog.Uint64("uint", 5555555555554444),
		slog.Float64("float", 4111111111111111),
		slog.Group("outer", slog.Group("inner", slog.String("api_key", "hunter2"))),
		slog.Group("cookies", slog.String("theme", "hunter2")),
		slog.Group("", slog.String("passwd", "hunter2")),
		slog.String("4111111111111111", "key"),
	}
}

func holdsSecret(s string) bool {
	return strings.Contains(s, "hunter2") || strings.Contains(s, "4111") || strings.Contains(s, "5555555555554444")
}

func TestRedactHandlerHidesSecretsOfAllKinds(t *testing.T) {
	// Without the time, whose digits may happen to be those of a card.
	options := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	formats := map[string]func(*bytes.Buffer) slog.Handler{
		"JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, options) },
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, options) },
	}
	for name, format := range formats {
		for _, secret := range secretsOfAllKinds() {
			var buf bytes.Buffer
			log := slog.New(NewRedactHandler(format(&buf), nil))
			log.Info("message", secret)
			log.With(secret).Info("with")
			log.WithGroup("g").With(secret).WithGroup("h").Info("deep", secret)
			log.Info("token=hunter2 4111111111111111")
			log.WithGroup("cookie").Info("group", "a", "hunter2")
			if holdsSecret(buf.String()) {
				t.Errorf("%s: %v shows in\n%s", name, secret, buf.String())
			}
			if n := strings.Count(buf.String(), "\n"); n != 5 {
				t.Errorf("%s: %v: %d lines, want 5", name, secret, n)
			}
		}
	}
}

func TestRedactMapHidesSecretsOfAllKinds(t *testing.T) {
	for _, secret := range secretsOfAllKinds() {
		a := secret.(slog.Attr)
		got, err := json.Marshal(
			NewRedactor(RedactConfig{}).mapOf(map[string]any{a.Key: a.Value, "more": []any{a.Value.Any()}}),
		)
		if err != nil {
			t.Errorf("%v: %v", secret, err)
		}
		if a.Key == "password" || a.Key == "cookies" {
			continue // only the name makes the value secret, and "more" is another
		}
		if holdsSecret(string(got)) && a.Key != "stringer" && a.Key != "pointer" && a.Key != "err" {
			t.Errorf("%v shows in %s", secret, got)
		}
	}
}

func TestRedactorKeepsWhatIsHarmless(t *testing.T) {
	r := NewRedactor(RedactConfig{})
	for _, a := range []slog.Attr{
		slog.Int("n", 42), slog.Int64("unix_ns", testTime.UnixNano()), slog.Int64("unix_us", testTime.UnixMicro()),
		slog.Int64("least", -1<<63), slog.Float64("f", 0.1), slog.Bool("b", true), slog.Time("t", testTime),
		slog.Duration("d", time.Second), slog.String("s", "fine"), slog.Any("nil", nil),
	} {
		if got := r.attr(a); !got.Equal(a) {
			t.Errorf("Attr(%v) = %v", a, got)
		}
	}
}

func TestValuesThatPanicOrNeverEndAreLogged(t *testing.T) {
	endless := map[string]any{}
	endless["self"] = endless
	var nilPanicky *panicky
	var buf bytes.Buffer
	log := slog.New(NewRedactHandler(slog.NewJSONHandler(&buf, nil), nil))
	for _, v := range []any{nilPanicky, error(nilPanicky), endless, func() {}, make(chan int), []any{endless},
		map[string]any{"f": func() {}}} {
		buf.Reset()
		log.Info("m", "v", v)
		if !json.Valid(buf.Bytes()) || !strings.Contains(buf.String(), `"m"`) {
			t.Errorf("%T: %q", v, buf.String())
		}
	}
}

func TestRedactionOfPlainTextDoesNotAllocate(t *testing.T) {
	r := NewRedactor(RedactConfig{})
	const line = "order 0190a5d4-7b1c-7c3d-8e4f-123456789012 completed in 12.5 ms, total=19.99 USD, path /orders/7"
	if n := testing.AllocsPerRun(100, func() { r.String(line) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

type code string

// TestAnIDOfATypeOfItsOwnIsAText: as it is in JSON, without the way there, which takes a dozen
// allocations.
func TestAnIDOfATypeOfItsOwnIsAText(t *testing.T) {
	r := NewRedactor(RedactConfig{})
	for text, want := range map[code]string{
		"web": "web", "<&>": "<&>", "4111111111111111": redacted, "token=hunter2": "token=" + redacted,
		"not UTF-8: \xff": "not UTF-8: \ufffd",
	} {
		if got := r.attr(slog.Any("source", text)); got.Value.String() != want || got.Value.Kind() != slog.KindString {
			t.Errorf("%q is %v", text, got)
		}
	}
	var web any = code("web")
	if n := testing.AllocsPerRun(100, func() { r.anyValue(web) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkRedactString(b *testing.B) {
	r := NewRedactor(RedactConfig{})
	for name, s := range map[string]string{
		"plain":  "order 0190a5d4-7b1c-7c3d-8e4f-123456789012 completed in 12.5 ms, total=19.99 USD",
		"secret": "charge of 4111 1111 1111 1111 with password=hunter2 refused",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.String(s)
			}
		})
	}
}

func TestHostileTextTakesLinearTime(t *testing.T) {
	r := NewRedactor(RedactConfig{})
	for _, part := range []string{"4", "4 ", "40", "password=", "token: ", "bearer ", "bearer:", "token[", "://",
		"<token>",
		"://a:b@", `password="`, `\"token\"`, "a-", "eyJ.", "cookie:\n", "4111-", "sk_live_"} {
		text := strings.Repeat(part, 200_000/len(part))
		start := time.Now()
		r.String(text)
		if d := time.Since(start); d > 5*time.Second { // a quadratic step takes longer still
			t.Errorf("200 kB of %q took %v", part, d)
		}
	}
}
