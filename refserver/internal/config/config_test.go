package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, vars ...string) Config {
	t.Helper()
	c, err := Load(vars, "")
	if err != nil {
		t.Fatalf("Load(%q) = %v", vars, err)
	}
	return c
}

// Each variable with its default, a value that is taken and what it becomes,
// and values that are refused.
var variables = []struct {
	name     string
	get      func(Config) any
	def      any
	good     string
	want     any
	refused  []string
	isSecret bool
}{
	{name: "DATABASE_URL", get: func(c Config) any { return c.DatabaseURL },
		def: Secret(""), good: "postgres://u:p@db:5432/x", want: Secret("postgres://u:p@db:5432/x"),
		refused: []string{"mysql://u:p@db/x", "x.db", "postgres://", "postgres://db:99999/x"}, isSecret: true},
	{name: "MIGRATION_URL", get: func(c Config) any { return c.MigrationURL },
		def: Secret(""), good: "postgres://u:p@db:5432/x", want: Secret("postgres://u:p@db:5432/x"),
		refused: []string{"mysql://u:p@db/x", "x.db"}, isSecret: true},
	{name: "ALLOW_DEFAULT_CREDENTIALS", get: func(c Config) any { return c.AllowDefaultCredentials },
		def: false, good: "true", want: true, refused: []string{"perhaps"}},
	{name: "SCENARIOS_IN_PRODUCTION", get: func(c Config) any { return c.ScenariosInProduction },
		def: false, good: "true", want: true, refused: []string{"perhaps"}},
	{name: "HOST", get: func(c Config) any { return c.Host },
		def: "localhost", good: "127.0.0.1", want: "127.0.0.1",
		refused: []string{"a b", "http://x", "a:1"}},
	{name: "PORT", get: func(c Config) any { return c.Port },
		def: 5000, good: "0", want: 0,
		refused: []string{"-1", "65536", "http", "1.5"}},
	{name: "APP_ENV", get: func(c Config) any { return c.AppEnv },
		def: "development", good: "development", want: "development",
		refused: []string{"prod", "Production"}},
	{name: "SECRET_KEY", get: func(c Config) any { return c.SecretKey },
		def: Secret(DefaultSecretKey), good: "0123456789abcdef", want: Secret("0123456789abcdef"),
		refused: []string{"short", strings.Repeat("x", 1025)}, isSecret: true},
	{name: "SUPER_ADMIN_USERNAME", get: func(c Config) any { return c.SuperAdminUsername },
		def: "super_admin", good: "Boss.of-all_1", want: "Boss.of-all_1",
		refused: []string{"ab", "a b c", "ä_dmin", strings.Repeat("a", 65)}},
	{name: "SUPER_ADMIN_PASSWORD", get: func(c Config) any { return c.SuperAdminPassword },
		def: Secret("super_admin_92587"), good: "12345678", want: Secret("12345678"),
		refused: []string{"1234567"}, isSecret: true},
	{name: "SUPER_ADMIN_EMAIL", get: func(c Config) any { return c.SuperAdminEmail },
		def: "super_admin@example.com", good: "a@b.org", want: "a@b.org",
		refused: []string{"nobody", "a@"}},
	{name: "PASSWORD_MIN_STRENGTH", get: func(c Config) any { return c.MinStrength() },
		def: 0, good: "4", want: 4,
		refused: []string{"5", "-1", "strong"}},
	{name: "STAFF_SECOND_FACTOR", get: func(c Config) any { return c.StaffSecondFactor },
		def: false, good: "true", want: true,
		refused: []string{"maybe"}},
	{name: "REGISTRATIONS_PER_HOUR", get: func(c Config) any { return c.Registrations() },
		def: 50_000, good: "16", want: 16,
		refused: []string{"15", "1000001", "many"}},
	{name: "SMTP_URL", get: func(c Config) any { return c.SMTPURL },
		def: Secret(""), good: "smtp://u:p@mail.example.com:587", want: Secret("smtp://u:p@mail.example.com:587"),
		refused: []string{"mail.example.com", "http://mail.example.com"}, isSecret: true},
	{name: "MAIL_FROM", get: func(c Config) any { return c.MailFrom },
		def: "shop@example.com", good: "a@b.org", want: "a@b.org",
		refused: []string{"the shop"}},
	{name: "WEBHOOK_PRIVATE_ADDRESSES", get: func(c Config) any { return c.WebhookPrivateAddresses },
		def: false, good: "true", want: true,
		refused: []string{"maybe"}},
	{name: "RETURN_WINDOW_DAYS", get: func(c Config) any { return c.ReturnWindowDays },
		def: 30, good: "0", want: 0,
		refused: []string{"-1", "3651", "a month"}},
	{name: "MAX_RETURN_ITEM_QUANTITY", get: func(c Config) any { return c.MaxReturnItemQuantity },
		def: 5, good: "1", want: 1,
		refused: []string{"0", "1000001", "2.5"}},
	{name: "RETURNS_REQUIRE_PHOTOS", get: func(c Config) any { return c.ReturnsRequirePhotos },
		def: false, good: "true", want: true,
		refused: []string{"maybe"}},
	{name: "RETURNS_MAX_PHOTOS", get: func(c Config) any { return c.ReturnsMaxPhotos },
		def: 20, good: "0", want: 0,
		refused: []string{"-1", "101"}},
	{name: "RETURNS_ALLOWED_EXTENSIONS", get: func(c Config) any { return c.ReturnsPhotoTypes },
		def: PhotoTypes{"jpeg", "png", "gif", "webp"}, good: " .JPG, png,jpeg ", want: PhotoTypes{"jpeg", "png"},
		refused: []string{"svg", "jpg,php", ","}},
	{name: "RETURNS_UPLOAD_DIR", get: func(c Config) any { return c.EvidenceDir() },
		def: filepath.Join("data", "evidence"), good: "/srv/photos", want: "/srv/photos"},
	{name: "FEATURE_RETURNS_ENABLED", get: func(c Config) any { return c.FeatureReturnsEnabled },
		def: true, good: "false", want: false,
		refused: []string{"off?"}},
	{name: "PAYMENT_REFUND_FAILURE_PROBABILITY", get: func(c Config) any { return c.RefundFailureChance },
		def: 0.0, good: "0.25", want: 0.25,
		refused: []string{"-0.1", "1.1", "NaN", "half"}},
	{name: "PAYMENT_CHARGE_FAILURE_PROBABILITY", get: func(c Config) any { return c.ChargeFailureChance },
		def: 0.0, good: "1", want: 1.0,
		refused: []string{"-1", "2", "NaN", "Inf"}},
	{name: "THROTTLING_MAX_RPS", get: func(c Config) any { return c.ThrottlingMaxRPS },
		def: 100, good: "2", want: 2,
		refused: []string{"0", "-5", "1000001", "fast"}},
	{name: "THROTTLING_WINDOW_SECONDS", get: func(c Config) any { return c.ThrottlingWindow },
		def: 1, good: "60", want: 60,
		refused: []string{"0", "3601", "1s"}},
	{name: "THROTTLING_REPLICAS", get: func(c Config) any { return c.ThrottlingReplicas },
		def: 1, good: "3", want: 3,
		refused: []string{"0", "-1", "1001", "all"}},
	{name: "DATA_DIR", get: func(c Config) any { return c.DataDir },
		def: "./data", good: "/srv/shop", want: "/srv/shop"},
	{name: "PUBLIC_URL", get: func(c Config) any { return c.PublicURL },
		def: WebURL(""), good: "https://shop.example.com/", want: WebURL("https://shop.example.com"),
		refused: []string{"shop.example.com", "ftp://x", "https://", "https://u:p@x", "https://x?y"}},
	{name: "TRUSTED_PROXIES", get: func(c Config) any { return c.TrustedProxies },
		def: Networks(nil), good: "10.1.2.3/8, ::1",
		want:    Networks{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		refused: []string{"proxy", "10.0.0.0/33"}},
	{name: "PAYMENT_PROVIDER_URL", get: func(c Config) any { return c.PaymentProviderURL },
		def: WebURL(""), good: "http://127.0.0.1:12111", want: WebURL("http://127.0.0.1:12111"),
		refused: []string{"127.0.0.1:12111"}},
	{name: "HOSTED_CHECKOUT", get: func(c Config) any { return c.HostedCheckout },
		def: false, good: "true", want: true,
		refused: []string{"maybe"}},
	{name: "PAYMENT_PAGE_URL", get: func(c Config) any { return c.PaymentPageURL },
		def: WebURL(""), good: "https://pay.shop.example", want: WebURL("https://pay.shop.example"),
		refused: []string{"pay.shop.example"}},
	{name: "STRIPE_SECRET_KEY", get: func(c Config) any { return c.StripeSecretKey },
		def: Secret(""), good: "rk_test_1", want: Secret("rk_test_1"),
		refused: []string{"pk_test_1", "sk_test_", "sk_test_1 2"}, isSecret: true},
	{name: "STRIPE_WEBHOOK_SECRET", get: func(c Config) any { return c.StripeWebhookSecret },
		def: Secret(""), good: "whsec_1", want: Secret("whsec_1"),
		refused: []string{"wh\tsec"}, isSecret: true},
	{name: "REDIS_URL", get: func(c Config) any { return c.RedisURL },
		def: Secret(""), good: "redis://r:6379/0", want: Secret("redis://r:6379/0"),
		refused: []string{"r:6379", "http://r", "unix://r"}, isSecret: true},
	{name: "PAYMENT_PROVIDER_TIMEOUT", get: func(c Config) any { return c.PaymentProviderTimeout },
		def: 500 * time.Millisecond, good: "2s", want: 2 * time.Second,
		refused: []string{"500", "9ms", "5001ms", "-1s"}},
	{name: "APPROVAL_AMOUNT", get: func(c Config) any { return c.ApprovalAmount },
		def: "", good: "250.00, 30000 jpy", want: "250.00, 30000 jpy",
		refused: []string{"-1", "much", "1.005", "1 usdollar", "1,000.00", "1 JPY, 2 JPY", "1.5 JPY", "1,"}},
	{name: "APPROVAL_AMOUNT_PER_DAY", get: func(c Config) any { return c.ApprovalAmountPerDay },
		def: "", good: "0", want: "0",
		refused: []string{"-1", "1,000", "1.005", "JPY 100"}},
	{name: "APPROVAL_ROLE_DAYS", get: func(c Config) any { return c.ApprovalRoleAge() },
		def: time.Duration(0), good: "30", want: 30 * 24 * time.Hour,
		refused: []string{"-1", "1.5", "10000", "a week"}},
	{name: "BREAKER_FAILURE_THRESHOLD", get: func(c Config) any { return c.BreakerFailureThreshold },
		def: 5, good: "1", want: 1,
		refused: []string{"0", "1001"}},
	{name: "BREAKER_OPEN_SECONDS", get: func(c Config) any { return c.BreakerOpen() },
		def: 3 * time.Second, good: "1", want: time.Second,
		refused: []string{"0", "301", "3s"}},
	{name: "CHECKOUT_PAYMENT_WAIT", get: func(c Config) any { return c.CheckoutPaymentWait },
		def: 2 * time.Second, good: "1ms", want: time.Millisecond,
		refused: []string{"2", "0s", "-1s", "31s"}},
	{name: "CURRENCY", get: func(c Config) any { return c.Currency },
		def: Currency("USD"), good: "jpy", want: Currency("JPY"),
		refused: []string{"XX", "dollar"}},
	{name: "OTHER_CURRENCIES", get: func(c Config) any { return fmt.Sprint(c.OtherCurrencies, c.Currencies()) },
		def: " [USD]", good: "jpy, USD,KWD", want: "JPY,USD,KWD [USD JPY KWD]",
		refused: []string{"EUR,", "XX", "EUR JPY"}},
	{name: "DEFAULT_TIMEZONE", get: func(c Config) any { return c.DefaultTimezone.String() },
		def: "UTC", good: "Asia/Kathmandu", want: "Asia/Kathmandu",
		refused: []string{"Local", "Mars/Base", "../../etc/passwd"}},
	{name: "RETURN_ADDRESS", get: func(c Config) any { return c.ReturnAddress },
		def: "", good: "Returns, 1 Main Street, Springfield", want: "Returns, 1 Main Street, Springfield",
		refused: []string{strings.Repeat("x", 501)}},
	{name: "RETURN_SHIP_DAYS", get: func(c Config) any { return c.ReturnShipDays },
		def: 14, good: "0", want: 0,
		refused: []string{"-1", "366", "soon"}},
	{name: "LOW_STOCK_THRESHOLD", get: func(c Config) any { return c.LowStockThreshold },
		def: 5, good: "0", want: 0,
		refused: []string{"-1"}},
	{name: "ORDER_HISTORY_PAGE_SIZE", get: func(c Config) any { return c.OrderHistoryPageSize },
		def: 20, good: "200", want: 200,
		refused: []string{"0", "201"}},
	{name: "LOG_LEVEL", get: func(c Config) any { return c.LogLevel },
		def: slog.LevelInfo, good: "DEBUG", want: slog.LevelDebug,
		refused: []string{"loud", "info+1"}},
	{name: "METRICS_TOKEN", get: func(c Config) any { return c.MetricsToken },
		def: Secret(""), good: "12345678", want: Secret("12345678"),
		refused: []string{"short"}, isSecret: true},
}

func TestEveryVariableHasItsDefaultItsValueAndItsRange(t *testing.T) {
	for _, v := range variables {
		t.Run(v.name, func(t *testing.T) {
			if got := v.get(load(t)); !reflect.DeepEqual(got, v.def) {
				t.Errorf("default %#v, want %#v", raw(got), raw(v.def))
			}
			if got := v.get(load(t, v.name+"=")); !reflect.DeepEqual(got, v.def) {
				t.Errorf("set to nothing it is %#v, want the default %#v", raw(got), raw(v.def))
			}
			if got := v.get(load(t, v.name+"="+v.good)); !reflect.DeepEqual(got, v.want) {
				t.Errorf("%s=%s became %#v, want %#v", v.name, v.good, raw(got), raw(v.want))
			}
			for _, bad := range v.refused {
				_, err := Load([]string{v.name + "=" + bad}, "")
				var e *Error
				if !errors.As(err, &e) {
					t.Errorf("%s=%q: error %v, want an *Error", v.name, bad, err)
					continue
				}
				line := e.Error()
				if e.Variable != v.name || e.Allowed == "" || strings.Contains(line, "\n") ||
					!strings.HasPrefix(line, v.name+" is ") {
					t.Errorf("%s=%q: %q does not name the variable and what is allowed in one line", v.name, bad, line)
				}
				if shown, _, _ := strings.Cut(line, "; it must be"); v.isSecret && strings.Contains(shown, bad) {
					t.Errorf("%s: the error shows the secret: %q", v.name, line)
				}
				if !v.isSecret && len(bad) < 80 && !strings.Contains(line, bad) {
					t.Errorf("%s=%q: the error hides the value: %q", v.name, bad, line)
				}
			}
		})
	}
}

func raw(v any) any {
	if s, ok := v.(Secret); ok {
		return string(s)
	}
	return v
}

func TestEveryFieldIsCoveredAndExplained(t *testing.T) {
	listed := map[string]bool{}
	for _, v := range variables {
		listed[v.name] = true
	}
	for i := range reflect.TypeFor[Config]().NumField() {
		f := reflect.TypeFor[Config]().Field(i)
		if name := f.Tag.Get("env"); !listed[name] || texts[name].allowed == "" || texts[name].purpose == "" {
			t.Errorf("field %s (%s) has no row in the table of this test, or no words", f.Name, name)
		}
	}
}

func TestPostgresMayBeASocket(t *testing.T) {
	load(t, "DATABASE_URL=postgres://u@/shop?host=/run/postgresql")
}

func TestDefaultsMatchTheTags(t *testing.T) {
	c := load(t)
	if c.SecretKey != DefaultSecretKey || c.SuperAdminPassword != DefaultSuperAdminPassword {
		t.Error("the constants production refuses are not the defaults")
	}
}

func TestPhotosRequiredNeedRoomForOne(t *testing.T) {
	_, err := Load([]string{"RETURNS_REQUIRE_PHOTOS=true", "RETURNS_MAX_PHOTOS=0"}, "")
	var e *Error
	if !errors.As(err, &e) || e.Variable != "RETURNS_MAX_PHOTOS" {
		t.Fatalf("Load = %v", err)
	}
}

func TestDotenvFillsWhatTheEnvironmentLeavesOut(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	write(t, file, "# shop\nPORT=6000\nCURRENCY=EUR\nSECRET_KEY=from-the-file-0123\n")
	c, err := Load([]string{"PORT=7000", "CURRENCY="}, file)
	if err != nil {
		t.Fatal(err)
	}
	if c.Port != 7000 || c.Currency != "EUR" || c.SecretKey != "from-the-file-0123" {
		t.Errorf("port %d, currency %s: the environment wins, the file fills the rest", c.Port, c.Currency)
	}
	if _, err := Load(nil, filepath.Join(t.TempDir(), "missing")); err != nil {
		t.Errorf("a missing file: %v", err)
	}
	write(t, file, "SECRET_KEY hunter2-hunter2\n")
	_, err = Load(nil, file)
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a broken file: %v", err)
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	c := load(t, "STRIPE_SECRET_KEY=sk_test_hunter2", "DATABASE_URL=postgres://u:hunter2@h/x",
		"MIGRATION_URL=postgres://u:hunter2@h/x", "SUPER_ADMIN_PASSWORD=hunter2hunter2",
		"SECRET_KEY=hunter2-0123456789", "METRICS_TOKEN=hunter2-token", "REDIS_URL=redis://:hunter2@h",
		"STRIPE_WEBHOOK_SECRET=hunter2")
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("settings", "config", c, "key", c.StripeSecretKey)
	js, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %q %x", c, c, c, c.SecretKey, c.SecretKey)
	for _, out := range []string{printed, string(js), log.String()} {
		if strings.Contains(out, "hunter2") || strings.Contains(out, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("a secret is shown: %s", out)
		}
	}
}

func TestDerivedSettings(t *testing.T) {
	c := load(t)
	if !c.Simulated() || !c.DemoData() || c.StripeKey() != DummyStripeKey || c.SecureCookies() {
		t.Errorf("defaults: simulated %v, demo %v, secure %v", c.Simulated(), c.DemoData(), c.SecureCookies())
	}
	if c.Address() != "localhost:5000" || c.BreakerOpenMax() != 8*time.Second {
		t.Errorf("defaults: address %s, breaker open at most %s", c.Address(), c.BreakerOpenMax())
	}
	own := []string{"SUPER_ADMIN_PASSWORD=of-my-own-1", "SECRET_KEY=" + ownKey}
	if c := load(t, append(own, "STRIPE_SECRET_KEY=sk_live_1")...); c.Simulated() || c.DemoData() || !c.LiveKey() {
		t.Error("a live key must leave out simulator and demo data")
	}
	c = load(t, "PAYMENT_PROVIDER_URL=http://127.0.0.1:1", "PUBLIC_URL=https://x", "HOST=::1", "PORT=80")
	if c.Simulated() || !c.SecureCookies() || c.Address() != "[::1]:80" {
		t.Errorf("simulated %v, secure %v, address %s", c.Simulated(), c.SecureCookies(), c.Address())
	}
	for _, tc := range []struct{ rps, window, want int }{
		{100, 1, 5}, {2, 1, 1}, {1000, 1, 50}, {19, 1, 1}, {100, 10, 50},
	} {
		rps := fmt.Sprintf("THROTTLING_MAX_RPS=%d", tc.rps)
		if got := load(t, rps, fmt.Sprintf("THROTTLING_WINDOW_SECONDS=%d", tc.window)).ThrottleBurst(); got != tc.want {
			t.Errorf("burst of %d/s in %d s = %d, want %d", tc.rps, tc.window, got, tc.want)
		}
	}
	if c := load(t, "BREAKER_OPEN_SECONDS=20"); c.BreakerOpenMax() != 20*time.Second {
		t.Error("the open time grows to 8 s, or stays where it starts above")
	}
	n := load(t, "TRUSTED_PROXIES=10.0.0.0/8").TrustedProxies
	if !n.Contains(netip.MustParseAddr("::ffff:10.1.1.1")) || n.Contains(netip.MustParseAddr("11.0.0.1")) {
		t.Error("an IPv4 address written as IPv6 is the same address")
	}
	direct := "postgres://u:p@direct/x"
	if c := load(t, "DATABASE_URL=postgres://u:p@pooler/x"); c.DirectURL() != string(c.DatabaseURL) {
		t.Error("without MIGRATION_URL, DATABASE_URL is the direct connection")
	}
	if c := load(t, "DATABASE_URL=postgres://u:p@pooler/x", "MIGRATION_URL="+direct); c.DirectURL() != direct {
		t.Error("MIGRATION_URL is the direct connection")
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAllWrongSettingsAreToldAtOnceALineEach(t *testing.T) {
	_, err := Load([]string{"PORT=abc", "CURRENCY=dollar", "RETURN_WINDOW_DAYS=4000", "SECRET_KEY=short"}, "")
	want := []string{
		`PORT is "abc"; it must be a number from 0 to 65535`,
		`SECRET_KEY is [secret]; it must be 16 to 1024 characters, in production 32 or more`,
		`RETURN_WINDOW_DAYS is "4000"; it must be a whole number of days from 0 to 3650`,
		`CURRENCY is "dollar"; it must be an ISO 4217 currency code, such as USD, EUR or JPY`,
	}
	if err == nil {
		t.Fatal("wrong settings were taken")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%v", len(lines), len(want), err)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d is %q, want %q", i+1, line, want[i])
		}
	}
}

func TestTheSettingsOfAFileAreReadPastAByteOrderMark(t *testing.T) {
	utf16le := func(s string) string {
		var b strings.Builder
		for _, r := range "\ufeff" + s {
			b.WriteByte(byte(r))
			b.WriteByte(byte(r >> 8))
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"UTF-8":                  "\ufeffPORT=6000\nCURRENCY=EUR\n",
		"in the middle":          "CURRENCY=EUR\n\ufeffPORT=6000\n",
		"UTF-16, Windows lines":  utf16le("PORT=6000\r\nCURRENCY=EUR\r\n"),
		"none, lines of Windows": "PORT=6000\r\nCURRENCY=EUR\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), ".env")
			write(t, file, text)
			c, err := Load(nil, file)
			if err != nil || c.Port != 6000 || c.Currency != "EUR" {
				t.Errorf("port %d, currency %q, %v", c.Port, c.Currency, err)
			}
			if lines := Unknown(nil, file); len(lines) > 0 {
				t.Errorf("names that are settings are not known: %q", lines)
			}
		})
	}
	file := filepath.Join(t.TempDir(), ".env")
	write(t, file, "PORT=6000\x00\n")
	if _, err := Load(nil, file); err == nil || !strings.Contains(err.Error(), "is not text") {
		t.Errorf("a file that is no text: %v", err)
	}
	for _, text := range []string{"CURRENCY=EUR\nPORT", "PORT 6000", "PORT\nCURRENCY=EUR\n", "=6000\n"} {
		write(t, file, text)
		if _, err := Load(nil, file); err == nil || !strings.Contains(err.Error(), "lines of the form NAME=value") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestNamesThatAreNoSettingAreReportedWithTheNearestOne(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	write(t, file, "RETURN_WINDOWS_DAYS=14\nport=1\nSOMETHING_OF_MY_OWN=1\nPOSTGRES_PASSWORD=x\nPORT=6000\n")
	environ := []string{"TRUSTED_PROXY=10.0.0.1", "TRUSTED_PROXIE=10.0.0.1", "HOME=/root", "HOSTS=x", "LANG=C"}
	got := Unknown(environ, file)
	want := []string{
		"RETURN_WINDOWS_DAYS in .env is not a setting and is ignored; did you mean RETURN_WINDOW_DAYS?",
		"SOMETHING_OF_MY_OWN in .env is not a setting and is ignored",
		"TRUSTED_PROXIE in the environment is not a setting and is ignored; did you mean TRUSTED_PROXIES?",
		"port in .env is not a setting and is ignored; did you mean PORT?",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := Unknown(nil, filepath.Join(t.TempDir(), "missing")); len(got) > 0 {
		t.Errorf("of a file that is not there: %q", got)
	}
}
