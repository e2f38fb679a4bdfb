// Package config reads the settings of the reference shop from the
// environment and an optional .env file, and refuses wrong ones with a
// line each that names the variable, its value and what is allowed.
//
// Config is the list of settings: a field's tags hold the variable, its default
// and its range. The words for each are in texts.go; Settings joins the two for
// the documentation and for "refserver help settings".
package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/money"
)

// The environments a shop can run in.
const (
	Development = "development"
	Production  = "production"
)

// What a development shop runs with when nothing is set; see the table of
// published credentials.
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
	DatabaseURL Secret `env:"DATABASE_URL" validate:"omitempty,postgres"`
	// MigrationURL is a direct connection to the same database, for migrations
	// and backups, where DatabaseURL leads to a pooler.
	MigrationURL Secret `env:"MIGRATION_URL" validate:"omitempty,postgres"`
	Host         string `env:"HOST" envDefault:"localhost" validate:"hostname_rfc1123|ip"`
	Port         int    `env:"PORT" envDefault:"5000" validate:"gte=0,lte=65535"`
	AppEnv       string `env:"APP_ENV" envDefault:"development" validate:"oneof=development production"`
	// SecretKey keys the hashes under which session tokens are stored, so
	// changing it signs everybody out.
	SecretKey Secret `env:"SECRET_KEY" envDefault:"development-only-secret-key-change-me" validate:"gte=16,lte=1024"`

	SuperAdminUsername string `env:"SUPER_ADMIN_USERNAME" envDefault:"super_admin" validate:"username"`
	SuperAdminPassword Secret `env:"SUPER_ADMIN_PASSWORD" envDefault:"super_admin_92587" validate:"gte=8,lte=1024"`
	SuperAdminEmail    string `env:"SUPER_ADMIN_EMAIL" envDefault:"super_admin@example.com" validate:"email,lte=254"`

	// PasswordMinStrength is empty where APP_ENV decides; see MinStrength.
	PasswordMinStrength string `env:"PASSWORD_MIN_STRENGTH" validate:"omitempty,oneof=0 1 2 3 4"`
	StaffSecondFactor   bool   `env:"STAFF_SECOND_FACTOR" envDefault:"false"`
	// RegistrationsPerHour is for one address; the more there are behind it, the higher. 0 is
	// Registrations' own.
	RegistrationsPerHour int `env:"REGISTRATIONS_PER_HOUR" envDefault:"0" validate:"eq=0|gte=16,lte=1000000"`

	SMTPURL  Secret `env:"SMTP_URL" validate:"omitempty,smtp"`
	MailFrom string `env:"MAIL_FROM" envDefault:"shop@example.com" validate:"email,lte=254"`

	WebhookPrivateAddresses bool `env:"WEBHOOK_PRIVATE_ADDRESSES" envDefault:"false"`

	ReturnWindowDays      int        `env:"RETURN_WINDOW_DAYS" envDefault:"30" validate:"gte=0,lte=3650"`
	MaxReturnItemQuantity int        `env:"MAX_RETURN_ITEM_QUANTITY" envDefault:"5" validate:"gte=1,lte=1000000"`
	ReturnsRequirePhotos  bool       `env:"RETURNS_REQUIRE_PHOTOS" envDefault:"false"`
	ReturnsMaxPhotos      int        `env:"RETURNS_MAX_PHOTOS" envDefault:"20" validate:"gte=0,lte=100"`
	ReturnsPhotoTypes     PhotoTypes `env:"RETURNS_ALLOWED_EXTENSIONS" envDefault:"jpg,jpeg,png,gif,webp"`
	ReturnsUploadDir      string     `env:"RETURNS_UPLOAD_DIR"`
	FeatureReturnsEnabled bool       `env:"FEATURE_RETURNS_ENABLED" envDefault:"true"`

	RefundFailureChance float64 `env:"PAYMENT_REFUND_FAILURE_PROBABILITY" envDefault:"0" validate:"gte=0,lte=1"`
	ChargeFailureChance float64 `env:"PAYMENT_CHARGE_FAILURE_PROBABILITY" envDefault:"0" validate:"gte=0,lte=1"`

	ThrottlingMaxRPS   int      `env:"THROTTLING_MAX_RPS" envDefault:"100" validate:"gte=1,lte=1000000"`
	ThrottlingWindow   int      `env:"THROTTLING_WINDOW_SECONDS" envDefault:"1" validate:"gte=1,lte=3600"`
	ThrottlingReplicas int      `env:"THROTTLING_REPLICAS" envDefault:"1" validate:"gte=1,lte=1000"`
	DataDir            string   `env:"DATA_DIR" envDefault:"./data"`
	PublicURL          WebURL   `env:"PUBLIC_URL"`
	TrustedProxies     Networks `env:"TRUSTED_PROXIES"`
	PaymentProviderURL WebURL   `env:"PAYMENT_PROVIDER_URL"`
	StripeSecretKey    Secret   `env:"STRIPE_SECRET_KEY" validate:"omitempty,stripekey"`
	// HostedCheckout and PaymentPageURL: see CardPage and PageOrigin.
	HostedCheckout         bool          `env:"HOSTED_CHECKOUT" envDefault:"false"`
	PaymentPageURL         WebURL        `env:"PAYMENT_PAGE_URL"`
	StripeWebhookSecret    Secret        `env:"STRIPE_WEBHOOK_SECRET" validate:"omitempty,printascii,lte=1024"`
	RedisURL               Secret        `env:"REDIS_URL" validate:"omitempty,redis"`
	PaymentProviderTimeout time.Duration `env:"PAYMENT_PROVIDER_TIMEOUT" envDefault:"500ms" validate:"gte=10ms,lte=5s"`

	// The limits in the shop's currency; empty: none. See ApprovalLimits.
	ApprovalAmount       string `env:"APPROVAL_AMOUNT"`
	ApprovalAmountPerDay string `env:"APPROVAL_AMOUNT_PER_DAY"`
	// ApprovalRoleDays is empty where APP_ENV decides; see ApprovalRoleAge.
	ApprovalRoleDays string `env:"APPROVAL_ROLE_DAYS" validate:"omitempty,number,max=4"`

	BreakerFailureThreshold int           `env:"BREAKER_FAILURE_THRESHOLD" envDefault:"5" validate:"gte=1,lte=1000"`
	BreakerOpenSeconds      int           `env:"BREAKER_OPEN_SECONDS" envDefault:"3" validate:"gte=1,lte=300"`
	CheckoutPaymentWait     time.Duration `env:"CHECKOUT_PAYMENT_WAIT" envDefault:"2s" validate:"gte=1ms,lte=30s"`

	Currency Currency `env:"CURRENCY" envDefault:"USD"`
	// OtherCurrencies are further ones that products may be priced in; see Currencies.
	OtherCurrencies      CurrencyList `env:"OTHER_CURRENCIES"`
	DefaultTimezone      Zone         `env:"DEFAULT_TIMEZONE" envDefault:"UTC"`
	ReturnAddress        string       `env:"RETURN_ADDRESS" validate:"lte=500"`
	ReturnShipDays       int          `env:"RETURN_SHIP_DAYS" envDefault:"14" validate:"gte=0,lte=365"`
	LowStockThreshold    int          `env:"LOW_STOCK_THRESHOLD" envDefault:"5" validate:"gte=0,lte=1000000"`
	OrderHistoryPageSize int          `env:"ORDER_HISTORY_PAGE_SIZE" envDefault:"20" validate:"gte=1,lte=200"`
	LogLevel             slog.Level   `env:"LOG_LEVEL" envDefault:"info" validate:"oneof=-4 0 4 8"`
	MetricsToken         Secret       `env:"METRICS_TOKEN" validate:"omitempty,printascii,gte=8,lte=1024"`
	// AllowDefaultCredentials lets published credentials pass outside of
	// production.
	AllowDefaultCredentials bool `env:"ALLOW_DEFAULT_CREDENTIALS" envDefault:"false"`
	ScenariosInProduction   bool `env:"SCENARIOS_IN_PRODUCTION" envDefault:"false"`
}

// Registrations is how many accounts one address may make in an hour: 2,000, and more in
// development, where load runs make thousands of customers from this machine.
func (c Config) Registrations() int {
	switch {
	case c.RegistrationsPerHour > 0:
		return c.RegistrationsPerHour
	case c.Production():
		return 2_000
	}
	return 50_000
}

// Production reports whether the shop runs for real.
func (c Config) Production() bool { return c.AppEnv == Production }

// MinStrength is the lowest score of a password that somebody chooses, 0 to 4.
func (c Config) MinStrength() int {
	n, err := strconv.Atoi(c.PasswordMinStrength)
	switch {
	case err == nil:
		return n
	case c.Production():
		return 3
	}
	return 0
}

// BaseURL is the address of the shop in mails, and where customers come back to
// from the provider's payment page.
func (c Config) BaseURL() string {
	if c.PublicURL != "" {
		return string(c.PublicURL)
	}
	c.Host = reachable(c.Host)
	return "http://" + c.Address()
}

// ApprovalLimits are the amounts in minor units, by currency, above which a refund, and what
// one person refunds on a day, needs a second person; empty: there is no limit. In a currency
// that is not among them every refund needs one.
func (c Config) ApprovalLimits() (amount, perDay map[money.Currency]int64) {
	amount, _ = limitsOf(c.ApprovalAmount, c.Money())
	perDay, _ = limitsOf(c.ApprovalAmountPerDay, c.Money())
	return amount, perDay
}

// ApprovalRoleAge is how long a role counts, for approvals, as held by who gave it.
func (c Config) ApprovalRoleAge() time.Duration {
	const day = 24 * time.Hour
	days, err := strconv.Atoi(c.ApprovalRoleDays)
	switch {
	case err == nil:
		return time.Duration(days) * day
	case c.Production():
		return 7 * day
	}
	return 0
}

// limitsOf are amounts in minor units by their currency, and whether text says so: such as
// "250.00" in the currency of the shop, or "250.00, 30000 JPY".
func limitsOf(text string, shop money.Currency) (limits map[money.Currency]int64, ok bool) {
	if strings.TrimSpace(text) == "" {
		return nil, true
	}
	limits = map[money.Currency]int64{}
	for one := range strings.SplitSeq(text, ",") {
		amount, code, stated := strings.Cut(strings.TrimSpace(one), " ")
		currency := shop
		if stated {
			var err error
			if currency, err = money.ParseCurrency(strings.ToUpper(strings.TrimSpace(code))); err != nil {
				return nil, false
			}
		}
		m, err := money.Parse(amount, currency)
		if _, twice := limits[currency]; twice || err != nil || m.Minor() < 0 {
			return nil, false
		}
		limits[currency] = m.Minor()
	}
	return limits, true
}

// SendsMail reports whether mails are sent, or in development kept.
func (c Config) SendsMail() bool { return c.SMTPURL != "" || !c.Production() }

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

// DirectURL is the address of the database for what a pooler can't carry.
func (c Config) DirectURL() string {
	if c.MigrationURL != "" {
		return string(c.MigrationURL)
	}
	return string(c.DatabaseURL)
}

// Origin is the address of the shop in a browser as an Origin header has it,
// without a path and without the port that goes without saying; empty where
// PUBLIC_URL is.
func (c Config) Origin() string { return originOf(string(c.PublicURL)) }

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

// Currencies are those that the shop sells in, each once, its own first.
func (c Config) Currencies() []money.Currency {
	all := []money.Currency{c.Money()}
	for _, other := range c.OtherCurrencies {
		if !slices.Contains(all, other) {
			all = append(all, other)
		}
	}
	return all
}
