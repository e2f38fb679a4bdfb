package config

import (
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"
)

// published stands for a value that everybody can read in our files.
const published = "the published default"

// Values of the compose files.
const (
	composeWebhookSecret    = "whsec_development_only"
	composeMetricsToken     = "metrics-of-a-demo"
	composeDatabasePassword = "returnkit"
	composeRedisPassword    = "redis-of-a-demo"
)

// credential is a secret that is published with the shop: in the defaults, the
// compose files or the documentation.
type credential struct {
	variable string
	inUse    func(Config) bool
	own      string // what takes its place: continues "it must be"
}

// credentials that are published. A new one belongs in this table.
var credentials = []credential{
	{"SUPER_ADMIN_PASSWORD", func(c Config) bool { return c.SuperAdminPassword == DefaultSuperAdminPassword },
		"a password of your own of 8 to 1024 characters"},
	{"SECRET_KEY", func(c Config) bool { return c.SecretKey == DefaultSecretKey },
		"a key of your own of 32 to 1024 characters (openssl rand -hex 32)"},
	{"STRIPE_WEBHOOK_SECRET", func(c Config) bool { return c.StripeWebhookSecret == composeWebhookSecret },
		"the signing secret of your webhook"},
	{"METRICS_TOKEN", func(c Config) bool { return c.MetricsToken == composeMetricsToken },
		"a token of your own of 8 to 1024 printable characters (openssl rand -hex 32)"},
	{"DATABASE_URL", func(c Config) bool { return databasePassword(c.DatabaseURL) == composeDatabasePassword },
		"an address with a password of your own (POSTGRES_PASSWORD in the compose files)"},
	{"MIGRATION_URL", func(c Config) bool { return databasePassword(c.MigrationURL) == composeDatabasePassword },
		"an address with a password of your own (POSTGRES_PASSWORD in the compose files)"},
	{"REDIS_URL", func(c Config) bool { return databasePassword(c.RedisURL) == composeRedisPassword },
		"an address with a password of your own (REDIS_PASSWORD in the compose files)"},
	{"STRIPE_SECRET_KEY", func(c Config) bool { return c.StripeSecretKey == DummyStripeKey },
		"a key of your own account"},
}

// credentials returns what may not be as it is: published credentials where a
// stranger may use them, and in production a key that can be guessed or a
// simulator for a provider. The settings in wrong are left out.
func (c Config) credentials(wrong Errors) Errors {
	skip := map[string]bool{}
	for _, e := range wrong {
		skip[e.Variable] = true
	}
	var refused Errors
	if where := c.refusesPublished(); where != "" && !skip["APP_ENV"] && !skip["HOST"] {
		for _, p := range credentials {
			if !skip[p.variable] && p.inUse(c) {
				refused = append(refused, &Error{Variable: p.variable, Value: published, Allowed: p.own + where})
			}
		}
	}
	if !c.Production() {
		return refused
	}
	if !skip["SECRET_KEY"] && c.SecretKey != DefaultSecretKey && utf8.RuneCountInString(string(c.SecretKey)) < 32 {
		refused = append(refused, &Error{Variable: "SECRET_KEY", Value: hidden,
			Allowed: "in production a key of your own of 32 to 1024 characters (openssl rand -hex 32)"})
	}
	if c.Simulated() && !skip["PAYMENT_PROVIDER_URL"] && !skip["STRIPE_SECRET_KEY"] {
		refused = append(refused, &Error{Variable: "STRIPE_SECRET_KEY", Allowed: "set in production, or " +
			"PAYMENT_PROVIDER_URL be the address of a provider: the built-in simulator moves no money"})
	}
	return refused
}

// refusesPublished returns why published credentials are refused, to go on
// from what must be there instead; "" where they are not.
func (c Config) refusesPublished() string {
	switch {
	case c.Production():
		return ", because APP_ENV is production"
	case c.LiveKey():
		return ", because STRIPE_SECRET_KEY is a live key"
	case !c.Local() && !c.AllowDefaultCredentials:
		return ", because HOST is " + c.Host +
			" (or set ALLOW_DEFAULT_CREDENTIALS=true where nobody else can reach the shop)"
	}
	return ""
}

// Local reports whether the shop listens on this machine only.
func (c Config) Local() bool { return isLoopback(c.Host) }

// PublishedCredentials returns the settings whose value is published with the
// shop.
func (c Config) PublishedCredentials() []string {
	var names []string
	for _, p := range credentials {
		if p.inUse(c) {
			names = append(names, p.variable)
		}
	}
	return names
}

// ReachedByOthers reports whether the settings say that people on other
// machines use the shop.
func (c Config) ReachedByOthers() bool {
	u, err := url.Parse(string(c.PublicURL))
	return !c.Local() || c.PublicURL != "" && err == nil && !isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	host = strings.Trim(host, "[]")
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().IsLoopback()
	}
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
}

// databasePassword is the password in a database address, also where several
// hosts or the query name it.
func databasePassword(address Secret) string {
	u, err := url.Parse(string(address))
	if err != nil {
		return ""
	}
	if p, ok := u.User.Password(); ok {
		return p
	}
	return u.Query().Get("password")
}
