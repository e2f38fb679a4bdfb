package web_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestMetricsAreOpenToThisMachineAndToNobodyThroughAProxy(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.nobody().get("/metrics").want(http.StatusOK)
	for _, header := range [][2]string{
		{"X-Forwarded-For", "203.0.113.9"}, {"X-Forwarded-For", ""}, {"X-Forwarded-Host", "shop.example"},
		{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Port", "443"}, {"Forwarded", "for=203.0.113.9"},
		{"Via", "1.1 proxy"}, {"X-Real-IP", "127.0.0.1"}, {"CF-Connecting-IP", "203.0.113.9"},
	} {
		b.nobody().get("/metrics", header[0], header[1]).want(http.StatusForbidden)
	}
	trusting := newBundle(t, "TRUSTED_PROXIES=127.0.0.1")
	trusting.nobody().get("/metrics", "X-Forwarded-For", "127.0.0.1").want(http.StatusForbidden)
	token := newBundle(t, "METRICS_TOKEN=a-token-of-our-own")
	token.nobody().get("/metrics").want(http.StatusUnauthorized)
	shown := []string{"X-Forwarded-For", "203.0.113.9", "Authorization", "Bearer a-token-of-our-own"}
	token.nobody().get("/metrics", shown...).want(http.StatusOK)
}

func TestAFormFromThePublicAddressIsTakenBehindAProxyThatRewritesTheHost(t *testing.T) {
	t.Parallel()
	for public, origins := range map[string]map[string]int{
		"https://Shop.example.com": {
			"https://shop.example.com": http.StatusFound, "http://shop.example.com": http.StatusForbidden,
			"https://shop.example.com.evil.example": http.StatusForbidden, "https://example.com": http.StatusForbidden,
			"null": http.StatusForbidden,
		},
		"https://shop.example.com:443/shop": {"https://shop.example.com": http.StatusFound},
		"http://shop.example.com:8080": {
			"http://shop.example.com:8080": http.StatusFound, "http://shop.example.com": http.StatusForbidden,
		},
		"": {"https://shop.example.com": http.StatusForbidden},
	} {
		b := newBundle(t, "PUBLIC_URL="+public)
		for origin, want := range origins {
			// A browser without Sec-Fetch-Site; the Host is that of the test server.
			b.nobody().post("/logout", "", "Origin", origin).want(want)
		}
	}
}

func TestTextThatNoDatabaseKeepsIsRefusedWithItsField(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	boss := b.staff()
	for _, path := range []string{
		"/admin/audit?who=%00", "/admin/audit?about=a%00b", "/admin/audit?address=%ff", "/admin/audit?request=%00",
		"/admin/users?q=%00", "/admin/orders?q=%00", "/order-history?q=%00", "/admin/returns?status=%00",
	} {
		boss.get(path).want(http.StatusBadRequest)
	}
	for _, path := range []string{"/orders/%00", "/api/returns/%00", "/admin/returns/%ff"} {
		boss.get(path).want(http.StatusNotFound)
	}
	boss.get("/api/returns?page=%00").want(http.StatusBadRequest)
	for _, fields := range [][]string{{"username", "a\x00b", "password", "x"}, {"username", "\xff", "password", "x"}} {
		b.nobody().form("/login", fields...).want(http.StatusBadRequest)
	}
	// A password is hashed, not kept: any bytes are one.
	b.nobody().form("/login", "username", "nobody", "password", "\xff\x00").want(http.StatusOK)
}

func TestAnIdempotencyKeyThatIsTooLongIsRefusedEverywhere(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	boss, ada := b.staff(), b.customer("ada")
	for _, key := range []string{strings.Repeat("k", 201), strings.Repeat("k", 256), "k\u00e9y"} {
		ada.post("/checkout", "payment_method=Cash", "Idempotency-Key", key).want(http.StatusBadRequest)
		ada.post("/api/returns", "{}", "Idempotency-Key", key).want(http.StatusBadRequest)
		boss.post("/admin/returns/none/refund", "", "Idempotency-Key", key).want(http.StatusBadRequest)
		boss.post("/api/admin/returns/none/refund", "{}", "Idempotency-Key", key).want(http.StatusBadRequest)
	}
}

// post sends a form, or JSON to the interface.
func (p *person) post(path, body string, header ...string) reply {
	kind := "application/x-www-form-urlencoded"
	if strings.HasPrefix(path, "/api/") {
		kind = "application/json"
	}
	return p.do(http.MethodPost, path, kind, strings.NewReader(body), header...)
}
