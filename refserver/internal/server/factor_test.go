package server_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/testlog"
)

var (
	factorSecret = regexp.MustCompile(`<p class="mono">([A-Z2-7]+)</p>`)
	recoveryCode = regexp.MustCompile(`<li>([a-z2-7-]{19})</li>`)
)

// code is the code of the second factor so many periods from now.
func code(t *testing.T, secret string, periods int) string {
	t.Helper()
	text, err := totp.GenerateCode(secret, time.Now().Add(time.Duration(periods)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// setUp turns a second factor on and returns its secret and recovery codes. It
// uses the code of this period; that of the next one is accepted already, also
// when the period ends in between.
func (u browser) setUp(t *testing.T) (secret string, recovery []string) {
	t.Helper()
	page := u.form("/account/second-factor/start", nil).want(t, 200, "data:image/png;base64,")
	found := factorSecret.FindStringSubmatch(page.body)
	if found == nil {
		t.Fatal(shorten(page.body))
	}
	testlog.Secret(t, found[1])
	u.form("/account/second-factor/confirm", url.Values{"code": {"000000"}}).want(t, 400, "That code is wrong")
	page = u.form("/account/second-factor/confirm", url.Values{"code": {code(t, found[1], 0)}}).
		want(t, 200, "Your second factor is on")
	for _, m := range recoveryCode.FindAllStringSubmatch(page.body, -1) {
		recovery = append(recovery, m[1])
	}
	if len(recovery) != 10 {
		t.Fatalf("%d recovery codes", len(recovery))
	}
	return found[1], recovery
}

// password posts the sign-in form as somebody without a session.
func (b *bench) password(t *testing.T, name string) browser {
	t.Helper()
	u := browser{b, newBrowser(t)}
	a := u.form("/login", url.Values{"username": {name}, "password": {"correct horse"}}).want(t, http.StatusFound)
	if to := a.header.Get("Location"); to != "/login/code" {
		t.Errorf("the password leads to %s", to)
	}
	if u.get("/account").status != http.StatusFound {
		t.Error("the password alone signs in")
	}
	return u
}

func TestASecondFactorIsNeededToSignInAndItsCodesWorkOnce(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		b.customer("ada")
		begun := time.Now()
		secret, recovery := b.signInAs("ada", "correct horse").setUp(t)
		enter := func(u browser, code string) answer { return u.form("/login/code", url.Values{"code": {code}}) }

		u := b.password(t, "ada")
		enter(u, "123").want(t, 400, "That code is wrong")
		// That of setUp, or of the period before it: a period may have ended since.
		first, err := totp.GenerateCode(secret, begun)
		if err != nil {
			t.Fatal(err)
		}
		enter(u, first).want(t, 400, "was used before")
		used := code(t, secret, 1)
		enter(u, used).want(t, http.StatusFound)
		u.get("/account").want(t, 200, "Second factor")
		enter(b.password(t, "ada"), used).want(t, 400, "was used before")

		enter(b.password(t, "ada"), recovery[0]).want(t, http.StatusFound)
		enter(b.password(t, "ada"), recovery[0]).want(t, 400)
		if a := enter(browser{b, newBrowser(t)}, recovery[1]); a.header.Get("Location") != "/login" {
			t.Errorf("a code without a password: %d", a.status)
		}
		u.form("/account/second-factor/remove", url.Values{"password": {"wrong"}}).want(t, 400)
		u.form("/account/second-factor/remove", url.Values{"password": {"correct horse"}}).want(t, http.StatusFound)
		b.signInAs("ada", "correct horse").get("/account").want(t, 200)
	})
}

func TestCodesAreNotGuessed(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.customer("ada")
	secret, _ := b.signInAs("ada", "correct horse").setUp(t)
	u := b.password(t, "ada")
	refused := 0
	for range 12 {
		if u.form("/login/code", url.Values{"code": {"000000"}}).status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 2 {
		t.Errorf("%d of 12 guesses were refused", refused)
	}
	u.form("/login/code", url.Values{"code": {code(t, secret, 1)}}).want(t, http.StatusTooManyRequests)
}

func TestStaffWithoutASecondFactorReachTheirAccountOnlyWhereItIsMandatory(t *testing.T) {
	t.Parallel()
	b := open(t, "STAFF_SECOND_FACTOR=true")
	ada := b.withRole("ada", auth.Finance)
	if a := ada.get("/admin/queue"); a.header.Get("Location") != "/account/second-factor" {
		t.Errorf("a page: %d %s", a.status, a.header.Get("Location"))
	}
	ada.get("/api/admin/queue").want(t, http.StatusForbidden, "SECOND_FACTOR_REQUIRED")
	ada.get("/account/second-factor").want(t, 200, "Set up a second factor")
	ada.setUp(t)
	ada.get("/admin/queue").want(t, 200)
	ada.form("/account/second-factor/remove", url.Values{"password": {"correct horse"}}).want(t, http.StatusForbidden)
	b.customer("bob")
	b.signInAs("bob", "correct horse").get("/").want(t, 200)

	u, err := b.Auth.UserByName(t.Context(), "ada")
	if err != nil || !u.Factor {
		t.Fatal(u, err)
	}
	admin := b.signIn()
	admin.setUp(t)
	admin.form("/admin/users/"+u.ID+"/second-factor/remove", nil).want(t, http.StatusFound)
	b.signInAs("ada", "correct horse").get("/api/admin/queue").want(t, http.StatusForbidden)
}

// Staff who had to set up a second factor first read how far an operation is.
func TestWhatIsOpenShowsStaffWithoutASecondFactorNoMoreThanOthers(t *testing.T) {
	t.Parallel()
	b := open(t, "STAFF_SECOND_FACTOR=true")
	nobody := browser{b, newBrowser(t)}
	ada := b.withRole("ada", auth.Admin)
	for _, row := range access.Routes() {
		if row.Needs != access.Open || strings.Contains(row.Pattern, "/log") { // signing in and out
			continue
		}
		t.Run(row.Pattern, func(t *testing.T) {
			want, _ := nobody.call(t, row.Pattern)
			got, _ := ada.call(t, row.Pattern)
			if got != want && got != http.StatusForbidden {
				t.Errorf("%d, and without a sign-in %d", got, want)
			}
		})
	}
	ada.get("/api/progress/999999").want(t, http.StatusForbidden, "SECOND_FACTOR_REQUIRED")
	b.customer("bob")
	b.signInAs("bob", "correct horse").get("/api/progress/999999").want(t, http.StatusNotFound)
}

// A thief who has signed in with the password alone must not stay.
func TestTurningTheSecondFactorOnOrOffEndsAllOtherSessions(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		b.customer("ada")
		thief, ada := b.signInAs("ada", "correct horse"), b.signInAs("ada", "correct horse")
		_, recovery := ada.setUp(t)
		ada.get("/account").want(t, 200)
		thief.get("/account").want(t, http.StatusFound)

		other := b.password(t, "ada")
		other.form("/login/code", url.Values{"code": {recovery[0]}}).want(t, http.StatusFound)
		other.get("/account").want(t, 200)
		ada.form("/account/second-factor/remove", url.Values{"password": {"correct horse"}}).want(t, http.StatusFound)
		ada.get("/account").want(t, 200)
		other.get("/account").want(t, http.StatusFound)
	})
}

func TestOthersDoNotRemoveTheSecondFactorOfTheSuperAdmin(t *testing.T) {
	t.Parallel()
	b := open(t)
	super := b.signIn()
	super.setUp(t)
	who, err := b.Auth.UserByName(t.Context(), "super_admin")
	if err != nil {
		t.Fatal(err)
	}
	mallory := b.withRole("mallory", auth.Admin)
	mallory.form("/admin/users/"+who.ID+"/second-factor/remove", nil).want(t, http.StatusConflict)
	super.get("/account").want(t, 200)
	super.form("/account/second-factor/remove", url.Values{"password": {"super_admin_92587"}}).
		want(t, http.StatusFound)
}

// The page failed where SECRET_KEY had been changed.
func TestASecondFactorThatCanNotBeReadIsAPageWithWords(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.customer("ada")
	b.signInAs("ada", "correct horse").setUp(t)
	err := b.DB.Tx(t.Context(), "test: change the key", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewRaw("UPDATE ?(rk)auth_users SET factor_secret = 'of another key'").Exec(ctx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.password(t, "ada").form("/login/code", url.Values{"code": {"123456"}}).
		want(t, http.StatusForbidden, "Ask an admin of the shop to remove it")
}
