// Package config reads the settings of the reference shop from the
// environment and an optional .env file, and refuses a wrong one with a
// single line that names the variable, its value and what is allowed.
//
// One struct is the whole truth: each field's tags hold the variable, its
// default, its range and the words for what is allowed.
package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/money"
)

// The environments a shop can run in.
const (
	Development = "development"
	Production  = "production"
)

// What a development shop runs with when nothing is set; production refuses
// both, in words of its own.
const (
	DefaultSuperAdminPassword = "super_admin_92587"
	DefaultSecretKey          = "development-only-secret-key-change-me"
)

// DummyStripeKey is the key sent to a payment provider that checks none, such
// as the simulator.
const DummyStripeKey = "sk_test_returnkit"

// Config is every setting of the shop. Get one from Load: the zero value is
// not usable.
type Config struct {
	// DatabaseURL names a PostgreSQL database; empty means the SQLite file in DataDir.
	DatabaseURL Secret `env:"DATABASE_URL" validate:"omitempty,postgres" allowed:"empty for the embedded SQLite file, or a PostgreSQL address such as postgres://user:password@host:5432/name"`
	Host        string `env:"HOST" envDefault:"localhost" validate:"hostname_rfc1123|ip" allowed:"a host name or an IP address to listen on, such as localhost or 0.0.0.0"`
	Port        int    `env:"PORT" envDefault:"5000" validate:"gte=0,lte=65535" allowed:"a whole number from 0 to 65535 (0 takes a free port)"`
	AppEnv      string `env:"APP_ENV" envDefault:"development" validate:"oneof=development production" allowed:"development or production"`
	// SecretKey keys the hashes under which session tokens are stored, so
	// changing it signs everybody out.
	SecretKey Secret `env:"SECRET_KEY" envDefault:"development-only-secret-key-change-me" validate:"gte=16,lte=1024" allowed:"16 to 1024 characters, in production 32 or more that nobody can guess (openssl rand -hex 32)"`

	SuperAdminUsername string `env:"SUPER_ADMIN_USERNAME" envDefault:"super_admin" validate:"username" allowed:"3 to 64 of the letters a to z, digits, _ . and -"`
	SuperAdminPassword Secret `env:"SUPER_ADMIN_PASSWORD" envDefault:"super_admin_92587" validate:"gte=8,lte=1024" allowed:"8 to 1024 characters, in production not the default one"`
	SuperAdminEmail    string `env:"SUPER_ADMIN_EMAIL" envDefault:"super_admin@example.com" validate:"email,lte=254" allowed:"an e-mail address, such as shop@example.com"`

	ReturnWindowDays       int           `env:"RETURN_WINDOW_DAYS" envDefault:"30" validate:"gte=0,lte=3650" allowed:"a whole number of days from 0 to 3650"`
	MaxReturnItemQuantity  int           `env:"MAX_RETURN_ITEM_QUANTITY" envDefault:"5" validate:"gte=1,lte=1000000" allowed:"a whole number from 1 to 1000000"`
	ReturnsRequirePhotos   bool          `env:"RETURNS_REQUIRE_PHOTOS" envDefault:"false" allowed:"true or false"`
	ReturnsMaxPhotos       int           `env:"RETURNS_MAX_PHOTOS" envDefault:"20" validate:"gte=0,lte=100" allowed:"a whole number from 0 to 100, at least 1 where RETURNS_REQUIRE_PHOTOS is true"`
	ReturnsPhotoTypes      PhotoTypes    `env:"RETURNS_ALLOWED_EXTENSIONS" envDefault:"jpg,jpeg,png,gif,webp" allowed:"one or more of jpg, jpeg, png, gif, webp, separated by commas"`
	ReturnsUploadDir       string        `env:"RETURNS_UPLOAD_DIR" allowed:"a folder; empty for evidence in DATA_DIR"`
	FeatureReturnsEnabled  bool          `env:"FEATURE_RETURNS_ENABLED" envDefault:"true" allowed:"true or false"`
	RefundFailureChance    float64       `env:"PAYMENT_REFUND_FAILURE_PROBABILITY" envDefault:"0" validate:"gte=0,lte=1" allowed:"a number from 0 to 1"`
	ChargeFailureChance    float64       `env:"PAYMENT_CHARGE_FAILURE_PROBABILITY" envDefault:"0" validate:"gte=0,lte=1" allowed:"a number from 0 to 1"`
	ThrottlingMaxRPS       int           `env:"THROTTLING_MAX_RPS" envDefault:"100" validate:"gte=1,lte=1000000" allowed:"a whole number from 1 to 1000000"`
	ThrottlingWindow       int           `env:"THROTTLING_WINDOW_SECONDS" envDefault:"1" validate:"gte=1,lte=3600" allowed:"a whole number of seconds from 1 to 3600"`
	ThrottlingReplicas     int           `env:"THROTTLING_REPLICAS" envDefault:"1" validate:"gte=1,lte=1000" allowed:"a whole number from 1 to 1000"`
	DataDir                string        `env:"DATA_DIR" envDefault:"./data" allowed:"a folder that this process may write to"`
	PublicURL              WebURL        `env:"PUBLIC_URL" allowed:"empty, or the http or https address people use, such as https://shop.example.com"`
	TrustedProxies         Networks      `env:"TRUSTED_PROXIES" allowed:"empty, or IP addresses and networks separated by commas, such as 10.0.0.0/8,192.0.2.1"`
	PaymentProviderURL     WebURL        `env:"PAYMENT_PROVIDER_URL" allowed:"empty, or the http or https address of the payment provider, such as http://127.0.0.1:12111"`
	StripeSecretKey        Secret        `env:"STRIPE_SECRET_KEY" validate:"omitempty,stripekey" allowed:"empty, or a secret key that begins with sk_test_, rk_test_, sk_live_ or rk_live_"`
	StripeWebhookSecret    Secret        `env:"STRIPE_WEBHOOK_SECRET" validate:"omitempty,printascii,lte=1024" allowed:"empty, or the signing secret of the webhook in printable characters, such as whsec_..."`
	RedisURL               Secret        `env:"REDIS_URL" validate:"omitempty,redis" allowed:"empty, or an address such as redis://host:6379/0, rediss://... or unix:///path"`
	PaymentProviderTimeout time.Duration `env:"PAYMENT_PROVIDER_TIMEOUT" envDefault:"500ms" validate:"gte=10ms,lte=5s" allowed:"a duration from 10ms to 5s, such as 500ms"`

	BreakerFailureThreshold int           `env:"BREAKER_FAILURE_THRESHOLD" envDefault:"5" validate:"gte=1,lte=1000" allowed:"a whole number of consecutive failures from 1 to 1000"`
	BreakerOpenSeconds      int           `env:"BREAKER_OPEN_SECONDS" envDefault:"3" validate:"gte=1,lte=300" allowed:"a whole number of seconds from 1 to 300"`
	CheckoutPaymentWait     time.Duration `env:"CHECKOUT_PAYMENT_WAIT" envDefault:"2s" validate:"gte=1ms,lte=30s" allowed:"a duration from 1ms to 30s, such as 2s"`

	Currency             Currency   `env:"CURRENCY" envDefault:"USD" allowed:"an ISO 4217 currency code, such as USD, EUR or JPY"`
	DefaultTimezone      Zone       `env:"DEFAULT_TIMEZONE" envDefault:"UTC" allowed:"a name of the IANA time zone database, such as UTC or Europe/Berlin"`
	LowStockThreshold    int        `env:"LOW_STOCK_THRESHOLD" envDefault:"5" validate:"gte=0,lte=1000000" allowed:"a whole number from 0 to 1000000"`
	OrderHistoryPageSize int        `env:"ORDER_HISTORY_PAGE_SIZE" envDefault:"20" validate:"gte=1,lte=200" allowed:"a whole number from 1 to 200"`
	LogLevel             slog.Level `env:"LOG_LEVEL" envDefault:"info" validate:"oneof=-4 0 4 8" allowed:"debug, info, warn or error"`
	MetricsToken         Secret     `env:"METRICS_TOKEN" validate:"omitempty,printascii,gte=8,lte=1024" allowed:"empty, or 8 to 1024 printable characters"`
}

// Production reports whether the shop runs for real.
func (c Config) Production() bool { return c.AppEnv == Production }

// LiveKey reports whether the payment provider's key moves real money.
func (c Config) LiveKey() bool { return strings.Contains(string(c.StripeSecretKey), "_live_") }

// Simulated reports whether the shop runs the payment simulator in its own
// process: neither a provider nor a key is set.
func (c Config) Simulated() bool { return c.PaymentProviderURL == "" && c.StripeSecretKey == "" }

// StripeKey is the key to send to the payment provider, a dummy when none is set.
func (c Config) StripeKey() string {
	if c.StripeSecretKey == "" {
		return DummyStripeKey
	}
	return string(c.StripeSecretKey)
}

// DemoData reports whether the shop fills itself with demo data: in
// development, and never with a key that moves real money.
func (c Config) DemoData() bool { return !c.Production() && !c.LiveKey() }

// SecureCookies reports whether cookies may travel over https only.
func (c Config) SecureCookies() bool { return strings.HasPrefix(string(c.PublicURL), "https://") }

// SQLiteFile is where the embedded database lives.
func (c Config) SQLiteFile() string { return filepath.Join(c.DataDir, "returnkit.db") }

// EvidenceDir is where photos live.
func (c Config) EvidenceDir() string {
	if c.ReturnsUploadDir != "" {
		return c.ReturnsUploadDir
	}
	return filepath.Join(c.DataDir, "evidence")
}

// LedgerFile is where the simulator in the process keeps its ledger.
func (c Config) LedgerFile() string { return filepath.Join(c.DataDir, "paysim-ledger.jsonl") }

// Address is what the server listens on.
func (c Config) Address() string {
	host := strings.Trim(c.Host, "[]")
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	return fmt.Sprintf("%s:%d", host, c.Port)
}

// ThrottleBurst is how many checkouts may pass at one instant:
// max(1, THROTTLING_MAX_RPS x THROTTLING_WINDOW_SECONDS / 20).
func (c Config) ThrottleBurst() int {
	return max(1, c.ThrottlingMaxRPS*c.ThrottlingWindow/20)
}

// BreakerOpen is how long the breaker stays open at first.
func (c Config) BreakerOpen() time.Duration {
	return time.Duration(c.BreakerOpenSeconds) * time.Second
}

// BreakerOpenMax is what the breaker's open time grows to: 8 s, or the first
// open time where that is longer.
func (c Config) BreakerOpenMax() time.Duration { return max(8*time.Second, c.BreakerOpen()) }

// Money is the shop's currency in the words of package orders.
func (c Config) Money() money.Currency { return money.Currency(c.Currency) }
