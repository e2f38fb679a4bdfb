package web

import (
	"net/http"
	"net/url"
	"strings"
)

// comebackCookie holds the address of the page that somebody asked for before they signed in.
// It is no field of the sign-in form, whose address a program may compare.
const comebackCookie = "comeback"

// comebackSeconds is how long a page is remembered.
const comebackSeconds = 600

// rememberPage keeps the address of a page that only who is signed in may see, for after the
// sign-in. Programs and forms are not led anywhere.
func (s *server) rememberPage(w http.ResponseWriter, r *http.Request) {
	mode := r.Header.Get("Sec-Fetch-Mode")
	if r.Method != http.MethodGet || !wantsPage(r) || mode != "" && mode != "navigate" {
		return
	}
	if address := r.URL.RequestURI(); address != "/" && ownAddress(address) {
		http.SetCookie(w, s.comeback(url.QueryEscape(address), comebackSeconds))
	}
}

func (s *server) comeback(value string, seconds int) *http.Cookie {
	return s.cookie(comebackCookie, "/login", value, seconds)
}

// cookie is a cookie of the shop's own pages, for so many seconds; -1 forgets it.
func (s *server) cookie(name, path, value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: path, MaxAge: seconds,
		HttpOnly: true, Secure: s.SecureCookies, SameSite: http.SameSiteLaxMode,
	}
}

// pageAskedFor is where to go after the sign-in, and forgets it.
func (s *server) pageAskedFor(w http.ResponseWriter, r *http.Request) string {
	cookie, err := r.Cookie(comebackCookie)
	if err != nil {
		return "/"
	}
	http.SetCookie(w, s.comeback("", -1))
	address, err := url.QueryUnescape(cookie.Value)
	if err != nil || !ownAddress(address) {
		return "/"
	}
	return address
}

// ownAddress reports whether an address is one of this shop: a path, which no browser reads
// as another site, of a length that fits a cookie.
func ownAddress(address string) bool {
	if len(address) > 1000 || !strings.HasPrefix(address, "/") || strings.HasPrefix(address, "//") ||
		strings.ContainsAny(address, "\\\r\n\t") {
		return false
	}
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "" && u.Host == ""
}
