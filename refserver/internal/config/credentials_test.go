package config

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const ownKey = "0123456789abcdef0123456789abcdef"

// ownSecrets are settings of a shop with nothing published in it.
var ownSecrets = []string{"SUPER_ADMIN_PASSWORD=of-my-own-1", "SECRET_KEY=" + ownKey, "STRIPE_SECRET_KEY=rk_test_own"}

type publishedValue struct{ name, set, variable string }

// publishedValues is every value that can be read in our files.
var publishedValues = []publishedValue{
	{"the admin's password", "SUPER_ADMIN_PASSWORD=" + DefaultSuperAdminPassword, "SUPER_ADMIN_PASSWORD"},
	{"the secret key", "SECRET_KEY=" + DefaultSecretKey, "SECRET_KEY"},
	{"the webhook secret", "STRIPE_WEBHOOK_SECRET=whsec_development_only", "STRIPE_WEBHOOK_SECRET"},
	{"the metrics token", "METRICS_TOKEN=metrics-of-a-demo", "METRICS_TOKEN"},
	{"the database's password", "DATABASE_URL=postgres://shop:returnkit@db/x", "DATABASE_URL"},
	{"the database's password in the query", "DATABASE_URL=postgres://db/x?password=returnkit", "DATABASE_URL"},
	{"the database's password, two hosts", "DATABASE_URL=postgres://shop:returnkit@a:1,b:2/x", "DATABASE_URL"},
	{"the database's password for migrations", "MIGRATION_URL=postgres://shop:returnkit@db/x", "MIGRATION_URL"},
	{"the password of Redis", "REDIS_URL=redis://:redis-of-a-demo@redis:6379/0", "REDIS_URL"},
	{"the simulator's key", "STRIPE_SECRET_KEY=" + DummyStripeKey, "STRIPE_SECRET_KEY"},
}

func TestPublishedCredentialsAreRefusedWhereAStrangerMayUseThem(t *testing.T) {
	const words = " is the published default; it must be "
	const allow = "ALLOW_DEFAULT_CREDENTIALS=true"
	places := []struct {
		name    string
		set     []string
		refused bool
	}{
		{"on this machine", nil, false},
		{"on this machine by address", []string{"HOST=127.0.0.1"}, false},
		{"on this machine by IPv6", []string{"HOST=::1"}, false},
		{"on all addresses", []string{"HOST=0.0.0.0"}, true},
		{"on all addresses of IPv6", []string{"HOST=::"}, true},
		{"on an address", []string{"HOST=192.0.2.1"}, true},
		{"on a name", []string{"HOST=shop.internal"}, true},
		{"on all addresses, allowed", []string{"HOST=0.0.0.0", allow}, false},
		{"in production", []string{"APP_ENV=production"}, true},
		{"in production, allowed", []string{"APP_ENV=production", allow}, true},
		{"with a live key", []string{"STRIPE_SECRET_KEY=sk_live_1"}, true},
		{"with a live key, allowed", []string{"STRIPE_SECRET_KEY=rk_live_1", allow}, true},
	}
	for _, p := range publishedValues {
		for _, place := range places {
			if p.variable == "STRIPE_SECRET_KEY" && strings.Contains(place.name, "live") {
				continue // the key is the live one
			}
			t.Run(p.name+" "+place.name, func(t *testing.T) {
				set := append(append(slices.Clone(ownSecrets), place.set...), p.set)
				_, err := Load(set, "")
				var wrong Errors
				switch {
				case !place.refused && err != nil:
					t.Errorf("refused: %v", err)
				case place.refused && (!errors.As(err, &wrong) || len(wrong) != 1 || wrong[0].Variable != p.variable):
					t.Errorf("Load = %v, want %s refused", err, p.variable)
				case place.refused && !strings.HasPrefix(err.Error(), p.variable+words):
					t.Errorf("words: %v", err)
				}
			})
		}
	}
}

func TestEveryPublishedCredentialHasARowInTheTest(t *testing.T) {
	for _, c := range credentials {
		if !slices.ContainsFunc(publishedValues, func(p publishedValue) bool { return p.variable == c.variable }) {
			t.Errorf("%s is not tested", c.variable)
		}
	}
}

func TestProductionNeedsAKeyOfItsOwnAndAProvider(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  []string
		want []string // the variables at fault
	}{
		{"nothing set", nil, []string{"SUPER_ADMIN_PASSWORD", "SECRET_KEY", "STRIPE_SECRET_KEY"}},
		{"a short key", append(slices.Clone(ownSecrets), "SECRET_KEY="+ownKey[:31]), []string{"SECRET_KEY"}},
		{"the built-in simulator", ownSecrets[:2:2], []string{"STRIPE_SECRET_KEY"}},
		{"a provider without a key", append(ownSecrets[:2:2], "PAYMENT_PROVIDER_URL=http://127.0.0.1:1"), nil},
		{"all of its own", ownSecrets, nil},
		{
			"a wrong value is reported once", append(slices.Clone(ownSecrets), "SECRET_KEY=short"),
			[]string{"SECRET_KEY"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := Load(append(slices.Clone(tc.set), "APP_ENV=production"), "")
			var wrong Errors
			errors.As(err, &wrong)
			var got []string
			for _, e := range wrong {
				got = append(got, e.Variable)
			}
			if !slices.Equal(got, tc.want) || err == nil && (!c.Production() || c.DemoData()) {
				t.Errorf("refused %v, want %v (%v)", got, tc.want, err)
			}
		})
	}
}

func TestAClientReadsTheSettingsOfAShopWithPublishedCredentials(t *testing.T) {
	if _, err := Read([]string{"HOST=0.0.0.0"}, ""); err != nil {
		t.Error(err)
	}
	if _, err := Read([]string{"PORT=x"}, ""); err == nil {
		t.Error("a wrong value is taken")
	}
}

func TestWhoUsesTheShopOnOtherMachines(t *testing.T) {
	for set, want := range map[string]bool{
		"HOST=localhost": false, "HOST=0.0.0.0": true, "PUBLIC_URL=http://localhost:5000": false,
		"PUBLIC_URL=https://shop.example.com": true, "PUBLIC_URL=http://127.0.0.1": false,
	} {
		c, err := Read([]string{set}, "")
		if err != nil || c.ReachedByOthers() != want {
			t.Errorf("%s: %v, %v", set, c.ReachedByOthers(), err)
		}
	}
}

var (
	withDefault = regexp.MustCompile(`\$\{[A-Z_]+:-([^}]*)\}`)
	secretLine  = regexp.MustCompile(`^ +([A-Z_]+): (.*\$\{[A-Z_]*(?:PASSWORD|SECRET|TOKEN|KEY):-[^}]+\}.*)$`)
	exampleLine = regexp.MustCompile(`^#([A-Z_]*(?:PASSWORD|SECRET|TOKEN|KEY))=(.+)$`)
)

// TestTheSecretsOfTheDeployFilesAreRefusedInProduction as they stand there, whatever they are.
func TestTheSecretsOfTheDeployFilesAreRefusedInProduction(t *testing.T) {
	files, err := filepath.Glob("../../deploy/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, file := range append(files, "../../deploy/env.example") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimRight(line, "\n")
			found := secretLine.FindStringSubmatch(line)
			if found == nil {
				found = exampleLine.FindStringSubmatch(line)
			}
			if found == nil || !isSetting(found[1]) {
				continue // a secret of another program's
			}
			set := found[1] + "=" + withDefault.ReplaceAllString(found[2], "$1")
			seen[found[1]] = true
			t.Run(filepath.Base(file)+" "+found[1], func(t *testing.T) {
				_, err := Load(append(slices.Clone(ownSecrets), "APP_ENV=production", set), "")
				if err == nil || !strings.HasPrefix(err.Error(), found[1]+" is the published default") {
					t.Errorf("%s: %v", set, err)
				}
			})
		}
	}
	for _, variable := range []string{
		"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SUPER_ADMIN_PASSWORD", "STRIPE_WEBHOOK_SECRET", "METRICS_TOKEN",
	} {
		if !seen[variable] {
			t.Errorf("the deploy files have no %s: is it read right?", variable)
		}
	}
}
