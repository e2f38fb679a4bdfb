package config

import (
	"reflect"
	"strings"
)

// text is what people read about a setting.
type text struct {
	group   string
	allowed string // continues "it must be"
	purpose string // what it is for
}

// The groups of the settings, in the order of the documentation.
const (
	groupShop     = "The shop"
	groupAccess   = "Accounts and secrets"
	groupDatabase = "Database and files"
	groupReturns  = "First return policy"
	groupPayment  = "Payments"
	groupCheckout = "Checkout"
	groupNetwork  = "Network"
	groupWatch    = "Logs and metrics"
)

var groups = []string{
	groupShop, groupAccess, groupDatabase, groupReturns, groupPayment, groupCheckout, groupNetwork, groupWatch,
}

const postgresAddress = "a PostgreSQL address such as postgres://user:password@host:5432/name"

var texts = map[string]text{
	"APP_ENV": {groupShop, "development or production",
		"Development fills an empty shop with demo data. Production refuses published credentials and the " +
			"built-in payment simulator."},
	"CURRENCY": {groupShop, "an ISO 4217 currency code, such as USD, EUR or JPY",
		"Currency of the shop. Choose it before the first order."},
	"OTHER_CURRENCIES": {groupShop, "ISO 4217 currency codes, separated by commas, such as EUR,JPY, or empty",
		"Further currencies that products may be priced in. A product sells in its own currency only."},
	"DEFAULT_TIMEZONE": {groupShop, "a name of the IANA time zone database, such as UTC or Europe/Berlin",
		"Time zone of pages, days and deadlines."},
	"RETURN_ADDRESS": {groupShop, "at most 500 characters, with commas between the lines",
		"Where customers send returns; shown on an authorized return and on its slip."},
	"RETURN_SHIP_DAYS": {groupShop, "a whole number from 0 to 365",
		"How many days after the authorization a customer is asked to ship; 0 names no day."},
	"LOW_STOCK_THRESHOLD": {groupShop, "a whole number from 0 to 1000000",
		"Staff see products with this many units or fewer as low on stock."},
	"ORDER_HISTORY_PAGE_SIZE": {groupShop, "a whole number from 1 to 200",
		"Orders on a page of the order history."},

	"SECRET_KEY": {
		groupAccess, "16 to 1024 characters, in production 32 or more that nobody can guess (openssl rand -hex 32)",
		"Keys the hashes of session tokens. Changing it signs everybody out."},
	"SUPER_ADMIN_USERNAME": {groupAccess, "3 to 64 of the letters a to z, digits, _ . and -",
		"Name of the first admin, whose role can't be changed."},
	"SUPER_ADMIN_PASSWORD": {groupAccess, "8 to 1024 characters, in production not the published one",
		"Password of the first admin. It is set at every start."},
	"SUPER_ADMIN_EMAIL": {groupAccess, "an e-mail address, such as shop@example.com",
		"E-mail address of the first admin. It is used when the account is created."},
	"PASSWORD_MIN_STRENGTH": {groupAccess, "a whole number from 0 (any password) to 4 (very hard to guess), or empty",
		"Lowest zxcvbn score of a new password, of which the first 32 characters are judged. " +
			"Empty: 3 in production, 0 in development."},
	"STAFF_SECOND_FACTOR": {groupAccess, "true or false",
		"Staff must sign in with a second factor (TOTP). Without one they can only open their own account."},
	"REGISTRATIONS_PER_HOUR": {groupAccess, "a whole number from 16 to 1,000,000, or 0",
		"Most accounts that can be created from one address in an hour. 0: 2,000 in production, 50,000 in " +
			"development, where load runs make thousands of customers."},
	"SMTP_URL": {groupAccess,
		"the address of a mail server such as smtp://user:password@host:587 or smtps://host, or empty",
		"Mail server for notices, security mails and password resets. Empty: in development mails are kept at " +
			"/dev/mail, in production none are sent and passwords can't be reset by mail."},
	"MAIL_FROM": {groupAccess, "an e-mail address, such as shop@example.com",
		"Sender of mails."},
	"ALLOW_DEFAULT_CREDENTIALS": {groupAccess, "true or false",
		"Start with published credentials on an address that other machines can reach. Production and a live " +
			"Stripe key ignore it."},

	"DATABASE_URL": {groupDatabase, postgresAddress + ", or empty for the embedded SQLite file",
		"Database of the shop. It may lead to a pooler in transaction mode, such as PgBouncer."},
	"MIGRATION_URL": {groupDatabase, postgresAddress + ", or empty for DATABASE_URL",
		"Direct connection to the same database for migrations and backups, where DATABASE_URL leads to a pooler."},
	"DATA_DIR": {groupDatabase, "a directory that this process may write to",
		"Directory of the SQLite file, the photos and the ledger of the built-in payment simulator."},
	"RETURNS_UPLOAD_DIR": {
		groupDatabase, "a directory that this process may write to, or empty for evidence in DATA_DIR",
		"Directory of the photos."},

	"RETURN_WINDOW_DAYS": {groupReturns, "a whole number of days from 0 to 3650",
		"Days in which a return can be requested."},
	"MAX_RETURN_ITEM_QUANTITY": {groupReturns, "a whole number from 1 to 1000000",
		"Units of one line in one request."},
	"RETURNS_REQUIRE_PHOTOS": {groupReturns, "true or false",
		"Whether a request needs a photo."},
	"RETURNS_MAX_PHOTOS": {
		groupReturns, "a whole number from 0 to 100, at least 1 where RETURNS_REQUIRE_PHOTOS is true",
		"Photos of one request."},
	"RETURNS_ALLOWED_EXTENSIONS": {groupReturns, "one or more of jpg, jpeg, png, gif, webp, separated by commas",
		"Kinds of photos."},
	"FEATURE_RETURNS_ENABLED": {groupReturns, "true or false",
		"Whether returns are accepted."},

	"PAYMENT_PROVIDER_URL": {
		groupPayment, "the http or https address of the payment provider, such as http://127.0.0.1:12111, or empty",
		"Provider that speaks Stripe's API. Empty with a key: Stripe; empty without: a simulator inside the shop."},
	"STRIPE_SECRET_KEY": {
		groupPayment, "a secret key that begins with sk_test_, rk_test_, sk_live_ or rk_live_, or empty",
		"Key for the provider. With a live key the shop takes no card numbers and makes no demo data."},
	"HOSTED_CHECKOUT": {groupPayment, "true or false",
		"Whether customers who pay by card do so on the provider's page. With a live key always."},
	"PAYMENT_PAGE_URL": {groupPayment, "the http or https address of the provider's payment pages, or empty",
		"Where the payment pages are, for a domain of your own at Stripe. Empty: checkout.stripe.com, " +
			"or the address of the provider."},
	"STRIPE_WEBHOOK_SECRET": {
		groupPayment, "the signing secret of the webhook in printable characters, such as whsec_..., or empty",
		"Secret of the provider's webhook to PUBLIC_URL/webhooks/stripe. Empty: messages are refused."},
	"PAYMENT_PROVIDER_TIMEOUT": {groupPayment, "a duration from 10ms to 5s, such as 500ms",
		"How long one call to the provider may take."},
	"APPROVAL_AMOUNT": {groupPayment,
		"an amount in the shop's currency such as 250.00, one for each currency such as 250.00 USD, 30000 JPY, " +
			"or empty",
		"A refund above it waits in the review queue until a second person approves it, as does every refund " +
			"in a currency that it does not name. Empty: none waits."},
	"APPROVAL_AMOUNT_PER_DAY": {groupPayment,
		"an amount in the shop's currency such as 1000.00, one for each currency such as 1000.00 USD, 90000 JPY, " +
			"or empty",
		"What one person may refund in a day without a second person, for each currency; nothing in a currency " +
			"that it does not name. Empty: any amount."},
	"APPROVAL_ROLE_DAYS": {groupPayment, "a whole number of days from 0 to 9999, or empty",
		"Days after a role is assigned in which its holder and the admin who assigned it count as one person for " +
			"both limits, so that nobody approves their own refund with an account they made; one that such an " +
			"account assigns counts as assigned by that admin. Empty: 7 in production, 0 in development."},
	"BREAKER_FAILURE_THRESHOLD": {groupPayment, "a whole number of consecutive failures from 1 to 1000",
		"Failures in a row that open the circuit breaker."},
	"BREAKER_OPEN_SECONDS": {groupPayment, "a whole number of seconds from 1 to 300",
		"How long the breaker stays open at first. It grows to 8 seconds."},
	"PAYMENT_CHARGE_FAILURE_PROBABILITY": {groupPayment, "a number from 0 to 1",
		"Share of charges for which the simulator is down."},
	"PAYMENT_REFUND_FAILURE_PROBABILITY": {groupPayment, "a number from 0 to 1",
		"Share of refunds for which the simulator is down."},

	"CHECKOUT_PAYMENT_WAIT": {groupCheckout, "a duration from 1ms to 30s, such as 2s",
		"How long a checkout waits for the payment before it answers that the order is queued."},
	"THROTTLING_MAX_RPS": {groupCheckout, "a whole number from 1 to 1000000",
		"Checkouts a second, of all users and replicas together."},
	"THROTTLING_WINDOW_SECONDS": {groupCheckout, "a whole number of seconds from 1 to 3600",
		"Sets the burst: THROTTLING_MAX_RPS x THROTTLING_WINDOW_SECONDS / 20, at least 1."},
	"THROTTLING_REPLICAS": {groupCheckout, "a whole number from 1 to 1000",
		"Replicas that share the limit. While Redis is down, each lets its share pass."},
	"REDIS_URL": {groupCheckout, "an address such as redis://host:6379/0, rediss://... or unix:///path, or empty",
		"Redis in which replicas share the checkout limit. Empty: each process has its own."},

	"HOST": {groupNetwork, "a host name or an IP address to listen on, such as localhost or 0.0.0.0",
		"Address to listen on."},
	"PORT": {groupNetwork, "a number from 0 to 65535",
		"Port to listen on. 0 takes a free one."},
	"WEBHOOK_PRIVATE_ADDRESSES": {groupNetwork, "true or false",
		"Webhooks may lead to private and loopback addresses, and to http ones."},
	"PUBLIC_URL": {groupNetwork, "the http or https address people use, such as https://shop.example.com, or empty",
		"Address in the browser. Forms from it are accepted even if a proxy changes the Host. With " +
			"https, cookies travel over https only."},
	"TRUSTED_PROXIES": {
		groupNetwork, "IP addresses and networks separated by commas, such as 10.0.0.0/8,192.0.2.1, or empty",
		"Proxies whose X-Forwarded-For is trusted, one hop at a time from the right. They must drop the one " +
			"that a client sends."},

	"LOG_LEVEL": {groupWatch, "debug, info, warn or error",
		"Lowest level that is logged. Logs are text on a terminal and JSON elsewhere."},
	"SCENARIOS_IN_PRODUCTION": {groupWatch, "true or false",
		"Let admins run the quality scenarios in production too. They run beside the shop, on their own data, and " +
			"keep the machine busy for minutes."},
	"METRICS_TOKEN": {groupWatch, "8 to 1024 printable characters, or empty",
		"Bearer token of /metrics. Empty: open to this machine only; a request that a proxy forwarded is not " +
			"from this machine."},
}

// Setting is one setting, as the documentation shows it.
type Setting struct {
	Group   string
	Name    string // the environment variable
	Default string // as it is written; empty: none
	Allowed string // what it must be
	Purpose string
}

// Settings lists all settings by group, in the order of Config within each.
func Settings() []Setting {
	var list []Setting
	t := reflect.TypeFor[Config]()
	for _, group := range groups {
		for i := range t.NumField() {
			f := t.Field(i)
			name := f.Tag.Get("env")
			words := texts[name]
			if words.group != group {
				continue
			}
			list = append(list, Setting{group, name, f.Tag.Get("envDefault"), words.allowed, words.purpose})
		}
	}
	return list
}

// Markdown is the documentation of all settings.
func Markdown() string {
	var b strings.Builder
	b.WriteString(markdownHead)
	group := ""
	cell := strings.NewReplacer("|", `\|`, "\n", " ")
	for _, s := range Settings() {
		if s.Group != group {
			group = s.Group
			b.WriteString("\n## " + group + "\n\n| setting | default | must be | purpose |\n")
			b.WriteString("| --- | --- | --- | --- |\n")
		}
		value := "none"
		if s.Default != "" {
			value = "`" + s.Default + "`"
		}
		row := []string{"`" + s.Name + "`", value, cell.Replace(s.Allowed), cell.Replace(s.Purpose)}
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return b.String()
}

const markdownHead = `<!-- Code generated by "go generate ./refserver". DO NOT EDIT. -->

# Settings

Settings come from the environment and, for what is not set there, from the file
` + "`.env`" + ` in the working directory (` + "`--env-file`" + ` names another one). A setting that
is empty has its default. In the file, a value in single quotes is taken as it is;
without them ` + "`$NAME`" + ` is replaced and ` + "`#`" + ` begins a comment.

A wrong value stops the start; all of them are reported at once, one line each. A
name that is not a setting is reported and ignored. ` + "`refserver settings check`" + ` checks
without starting anything.
`
