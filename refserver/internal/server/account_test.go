package server_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/auth"
)

var resetLink = regexp.MustCompile(`/account/reset\?token=([A-Z2-7]+)`)

func TestAPasswordIsResetByMailOverThePages(t *testing.T) {
	t.Parallel()
	b := open(t, "PASSWORD_MIN_STRENGTH=3")
	admin := b.signIn()
	if _, err := b.Auth.Register(t.Context(), auth.Registration{
		Username: "ada", Email: "ada@example.com", Password: "turnip lantern gravel",
	}); err != nil {
		t.Fatal(err)
	}
	ada := b.signInAs("ada", "turnip lantern gravel")
	nobody := browser{b, &http.Client{CheckRedirect: ada.client.CheckRedirect}}
	known := nobody.form("/account/forgot", url.Values{"email": {"ada@example.com"}}).want(t, 200, "If an account has")
	other := nobody.form("/account/forgot", url.Values{"email": {"none@example.com"}}).want(t, 200)
	strip := regexp.MustCompile(`request [0-9a-f-]+`)
	if strip.ReplaceAllString(known.body, "") != strip.ReplaceAllString(other.body, "") {
		t.Error("the answers tell whether there is an account")
	}
	if _, err := b.Auth.SendResets(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Mailing.Work(t.Context(), 10); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	page := admin.get("/dev/mail").want(t, 200, "ada@example.com")
	token := resetLink.FindStringSubmatch(page.body)
	if token == nil {
		t.Fatal(shorten(page.body))
	}
	nobody.get(token[0]).want(t, 200, token[1])
	choose := func(password string) answer {
		return nobody.form("/account/reset", url.Values{
			"token": {token[1]}, "new_password": {password}, "new_password_again": {password},
		})
	}
	choose("password123").want(t, 400, "easy to guess")
	choose("gravel sofa turnip cloud").want(t, http.StatusFound)
	choose("gravel sofa turnip again").want(t, 400, "was used or has expired")
	if a := ada.get("/account"); a.status != http.StatusFound {
		t.Errorf("a session from before the reset: %d", a.status)
	}
	b.signInAs("ada", "gravel sofa turnip cloud")
}

func TestOwnersSeeAndEndTheirSessionsAndDeleteTheirAccount(t *testing.T) {
	t.Parallel()
	b := open(t)
	who := b.customer("ada")
	o := b.buy(who, 1)
	here, there := b.signInAs("ada", "correct horse"), b.signInAs("ada", "correct horse")
	page := here.get("/account").want(t, 200, "This session", "Sign out everywhere else")
	id := regexp.MustCompile(`name="session" value="([0-9a-f]+)"`).FindStringSubmatch(page.body)
	if id == nil {
		t.Fatal(shorten(page.body))
	}
	here.form("/account/sessions/end", url.Values{"session": {id[1]}}).want(t, http.StatusFound)
	there.get("/account").want(t, http.StatusFound)
	here.get("/account").want(t, 200)
	here.form("/account/delete", url.Values{"password": {"wrong horse"}}).want(t, 400, "That is not your password")
	here.form("/account/delete", url.Values{"password": {"correct horse"}}).want(t, http.StatusFound)
	here.get("/account").want(t, http.StatusFound)
	nobody := browser{b, &http.Client{CheckRedirect: here.client.CheckRedirect}}
	nobody.form("/login", url.Values{"username": {"ada"}, "password": {"correct horse"}}).
		want(t, 200, "Invalid username or password")
	if kept, err := b.Orders.Order(t.Context(), o.ID); err != nil || kept.CustomerID != who.ID {
		t.Errorf("the order: %v", err)
	}
	b.signIn().get("/orders/"+o.ID).want(t, 200, o.Number)
}

func TestAnAdminLocksUnlocksAndDeletesAnAccount(t *testing.T) {
	t.Parallel()
	b := open(t)
	admin, who := b.signIn(), b.customer("ada")
	ada := b.signInAs("ada", "correct horse")
	at := "/admin/users/" + who.ID
	admin.form(at+"/lock", nil).want(t, http.StatusFound)
	ada.get("/account").want(t, http.StatusFound)
	login := url.Values{"username": {"ada"}, "password": {"correct horse"}}
	ada.form("/login", login).want(t, http.StatusForbidden, "This account is locked")
	admin.get(at).want(t, 200, "Locked", "Unlock account")
	admin.form(at+"/unlock", nil).want(t, http.StatusFound)
	ada.form("/login", login).want(t, http.StatusFound)
	admin.form(at+"/delete", url.Values{"username": {"someone"}}).want(t, 400, "Type the name")
	admin.form(at+"/delete", url.Values{"username": {"ada"}}).want(t, http.StatusFound)
	if a := ada.form("/login", login); !strings.Contains(a.body, "Invalid username or password") {
		t.Errorf("a deleted account: %d", a.status)
	}
}

// newBrowser is a browser without a session, which follows no redirect.
func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
