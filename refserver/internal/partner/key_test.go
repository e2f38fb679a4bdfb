package partner_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/partner"
)

func TestKeys(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		ctx := t.Context()
		p, other := b.partner("North"), b.partner("South")
		now := time.Unix(0, b.now.Load()).UTC()
		forever, k, err := b.NewKey(ctx, p.ID, time.Time{})
		if err != nil || !strings.Contains(forever, k.Prefix) {
			t.Fatal(forever, k, err)
		}
		short, _, err := b.NewKey(ctx, p.ID, now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		theirs, _, err := b.NewKey(ctx, other.ID, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		who := func(key string) string {
			p, err := b.Authenticate(ctx, key)
			if errors.Is(err, partner.ErrKey) {
				return "nobody"
			}
			if err != nil {
				t.Fatal(err)
			}
			return p.Name
		}
		want := func(key, name, when string) {
			t.Helper()
			if got := who(key); got != name {
				t.Errorf("%s: it is the key of %s, want %s", when, got, name)
			}
		}
		want(forever, "North", "new")
		want(short, "North", "before it expires")
		want(theirs, "South", "of another")
		for _, bad := range []string{"", "x", "rkp_", forever + "x", forever[:len(forever)-1] + "a",
			strings.ToUpper(forever),
			"rkp_aaaaaaaa_" + strings.Repeat("A", 26), "rkp_aaaa\xffaaa_" + strings.Repeat("A", 26),
			"rkp_aaaa\x00aaa_" + strings.Repeat("A", 26), strings.Repeat("x", 10_000), forever[:13] + theirs[13:]} {
			want(bad, "nobody", fmt.Sprintf("%.60q", bad))
		}
		b.now.Add(int64(time.Hour))
		want(short, "nobody", "expired")
		if err := b.RevokeKey(ctx, other.ID, k.Prefix); !errors.Is(err, partner.ErrNotFound) {
			t.Errorf("a key of another partner is revoked: %v", err)
		}
		if err := b.RevokeKey(ctx, p.ID, k.Prefix); err != nil {
			t.Fatal(err)
		}
		want(forever, "nobody", "revoked")
		got, err := b.Partner(ctx, p.ID)
		if err != nil || len(got.Keys) != 2 || got.Keys[1].LastUsedAt.IsZero() && got.Keys[0].LastUsedAt.IsZero() {
			t.Errorf("%+v, %v", got, err)
		}
		var text []string
		if err := db.Read().NewRaw("SELECT prefix FROM ?(rk)partner_keys").Scan(ctx, &text); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{forever, short, theirs} {
			if strings.Contains(fmt.Sprint(text), secret) {
				t.Error("a key is stored")
			}
		}
	})
}

func TestWhatIsEnteredForAPartnerIsChecked(t *testing.T) {
	b := newBench(t, sqlstoretest.SQLite(t))
	b.partner("North")
	for name, test := range map[string]struct {
		p    partner.Params
		want string
	}{
		"no name":             {partner.Params{}, "name"},
		"a name that is used": {partner.Params{Name: "NORTH"}, "name"},
		"a currency":          {partner.Params{Name: "a", Currency: "GBP"}, "currency"},
		"a schedule alone":    {partner.Params{Name: "a", Schedule: "60"}, "feed_url"},
		"half a minute": {
			partner.Params{Name: "a", FeedURL: "https://a.example", Schedule: "0.5"},
			"schedule",
		},
		"a file":              {partner.Params{Name: "a", FeedURL: "file:///etc/passwd"}, "feed_url"},
		"a host of symbols":   {partner.Params{Name: "a", FeedURL: "https://<script>.example"}, "feed_url"},
		"no such port":        {partner.Params{Name: "a", FeedURL: "https://a.example:99999"}, "feed_url"},
		"no host":             {partner.Params{Name: "a", FeedURL: "https://:443/x"}, "feed_url"},
		"a password":          {partner.Params{Name: "a", FeedURL: "https://u:p@a.example"}, "feed_url"},
		"a token alone":       {partner.Params{Name: "a", Token: "t"}, "feed_url"},
		"a header in a token": {partner.Params{Name: "a", FeedURL: "https://a.example", Token: "a\r\nb: c"}, "token"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.Create(t.Context(), test.p)
			var invalid *partner.Invalid
			if !errors.As(err, &invalid) || invalid.Field != test.want {
				t.Errorf("%v; want a mistake in %s", err, test.want)
			}
		})
	}
}
