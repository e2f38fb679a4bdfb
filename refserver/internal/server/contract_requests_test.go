package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v85/webhook"
)

// tooLarge is more than a form may hold.
var tooLarge = form("payment_method", strings.Repeat("x", 2<<20))

// requests are those that do not follow from the document, by operation.
var requests = map[string][]request{
	"loginPage": {{name: "signed in", as: "customer", status: http.StatusFound}},
	"signIn": {
		{name: "wrong", body: form("username", "ada", "password", "wrong"), status: http.StatusOK},
		{name: "too often", body: form("username", "ada", "password", "wrong"), before: failSignIns,
			status: http.StatusTooManyRequests},
	},
	"register": {
		{name: "400", body: form("username", "x", "email", "", "password", ""), status: http.StatusBadRequest},
		{name: "taken", body: form("username", "the_admin", "email", "a@example.com", "password", "correct horse"),
			status: http.StatusConflict},
	},
	"setRole": {
		{name: "400", body: form("user_id", "u", "role", "king"), status: http.StatusBadRequest},
		{name: "404", body: form("user_id", "none", "role", "support"), status: http.StatusNotFound},
		{name: "the super admin", about: superAdmin, body: form("user_id", exampleCustomer, "role", "customer"),
			status: http.StatusConflict},
	},
	"addToCart": cartRefusals,
	"setCartQuantity": append(cartRefusals, request{
		name: "409", body: form("product_id", "3", "quantity", "90000"), status: http.StatusConflict,
	}),
	"checkout": {
		{name: "empty", body: form("payment_method", "Cash"), status: http.StatusBadRequest, before: emptyCart},
		{name: "empty as JSON", body: form("payment_method", "Cash"), status: http.StatusBadRequest,
			header: asJSON},
		{name: "navigated", about: inCart, body: form("payment_method", "Cash"), status: http.StatusSeeOther,
			header: with("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "same-origin")},
		{name: "declined", about: inCart, status: http.StatusPaymentRequired, body: form("payment_method", "Card",
			"card_number", "4000000000000002", "card_exp_date", "12/2099", "card_type", "Visa")},
		{name: "risen", about: inCart, status: http.StatusConflict, header: asJSON,
			body: form("payment_method", "Cash", "total", "0.01", "currency", "USD")},
		{name: "no such cart", body: form("payment_method", "Cash", "cart_id", "none"), status: http.StatusNotFound},
		{name: "large", body: tooLarge, status: http.StatusRequestEntityTooLarge},
	},
	"orderHistory":      {{name: "day", query: "from=tomorrow", status: http.StatusBadRequest}},
	"dashboard":         {{name: "quarter", query: "quarter=2026-Q9", status: http.StatusBadRequest}},
	"reconciliation":    {{name: "day", query: "from=tomorrow", status: http.StatusBadRequest}},
	"serviceLevels":     {{name: "window", query: "window=1s", status: http.StatusBadRequest}},
	"createPartnerForm": {{name: "400", body: form("name", ""), status: http.StatusBadRequest}},
	"createProduct":     {usedKey},
	"fetchPartner":      {{name: "no address", about: partnerSubject, status: http.StatusBadRequest}},
	"toggleFeature": {{name: "changed since", about: aSwitch, body: `{"action":"disable","version":999}`,
		status: http.StatusConflict}},
	"reserveFlashSale": {{name: "more than the cap", about: flashSale, body: `{"quantity":4}`,
		status: http.StatusConflict}},

	"requestReturn": {
		{name: "not one's own", body: `{"sale_id":"none","reason":"OTHER","items":[]}`, status: http.StatusNotFound},
		{name: "refused by the policy", about: ordered, status: http.StatusBadRequest,
			body: `{"sale_id":"` + exampleOrder + `","reason":"DAMAGED","items":[{"sale_item_id":"` + exampleLine +
				`","quantity":9}]}`},
		{name: "less than shown", about: ordered, status: http.StatusConflict,
			body: `{"sale_id":"` + exampleOrder + `","reason":"DAMAGED","items":[{"sale_item_id":"` + exampleLine +
				`","quantity":1}],"estimate":1000000,"currency":"USD"}`},
	},
	"requestReturnForm": {
		{name: "400", body: form("sale_id", exampleOrder, "reason", ""), about: ordered,
			media: "application/x-www-form-urlencoded", status: http.StatusBadRequest},
		{name: "404", body: form("sale_id", "none", "reason", "OTHER"), media: "application/x-www-form-urlencoded",
			status: http.StatusNotFound},
		{name: "409", about: ordered, media: "application/x-www-form-urlencoded", status: http.StatusConflict,
			body: form("sale_id", exampleOrder, "reason", "DAMAGED", "quantity_"+exampleLine, "1", "estimate",
				"1000000", "currency", "USD")},
	},
	"getEstimate": {
		{name: "400", query: "sale_id=" + exampleOrder + "&items=x", about: ordered, status: http.StatusBadRequest},
		{name: "404", query: "sale_id=none&reason=OTHER", status: http.StatusNotFound},
	},
	"postEstimate": {{name: "404", body: `{"sale_id":"none","reason":"OTHER","items":[]}`,
		status: http.StatusNotFound}},
	"fileReturn": {{name: "404", status: http.StatusNotFound,
		body: `{"sale_id":"none","customer_id":"none","reason":"OTHER","items":[]}`}},
	"provideInfo":      {{name: "not requested", about: at(), status: http.StatusConflict}},
	"provideInfoForm":  {{name: "not requested", about: at(), status: http.StatusConflict}, blank(at(ask))},
	"cancelReturn":     {{name: "received", about: at(authorize, receive), status: http.StatusConflict}},
	"cancelReturnForm": {{name: "received", about: at(authorize, receive), status: http.StatusConflict}},

	"authorizeReturn":     {{name: "rejected before", about: at(reject), status: http.StatusConflict}},
	"authorizeReturnForm": {{name: "rejected before", about: at(reject), status: http.StatusConflict}, blank(at())},
	"requestInfo":         {{name: "rejected before", about: at(reject), status: http.StatusConflict}},
	"requestInfoForm":     {{name: "rejected before", about: at(reject), status: http.StatusConflict}, blank(at())},
	"overridePolicy":      {{name: "rejected before", about: at(reject), status: http.StatusConflict}},
	"overridePolicyForm":  {{name: "rejected before", about: at(reject), status: http.StatusConflict}, blank(at())},
	"shipReturn":          {{name: "rejected before", about: at(reject), status: http.StatusConflict}},
	"shipReturnForm": {
		{name: "rejected before", about: at(reject), status: http.StatusConflict},
		blank(at(authorize)),
	},
	"receiveReturn": {{name: "rejected before", about: at(reject), status: http.StatusConflict}},
	"receiveReturnForm": {
		{name: "rejected before", about: at(reject), status: http.StatusConflict},
		{name: "400", about: at(authorize), body: form("received_"+exampleLine, "x"), status: http.StatusBadRequest},
	},
	"inspectReturn": {{name: "rejected before", about: at(reject), status: http.StatusConflict}},
	"inspectReturnForm": {
		{name: "rejected before", about: at(reject), status: http.StatusConflict},
		blank(at(authorize, receive)),
	},
	"refundReturn": {
		{name: "not inspected", about: at(), status: http.StatusConflict},
		{name: "waits for approval", about: laptop, status: http.StatusAccepted},
		{name: "another amount", about: at(authorize, receive, inspect), body: `{"refund_amount_available":1}`,
			status: http.StatusPreconditionFailed},
	},
	"refundReturnForm": {
		{name: "not inspected", about: at(), status: http.StatusConflict},
		{name: "400", about: at(authorize, receive, inspect), body: form("method", "x"), status: http.StatusBadRequest},
	},

	"payRest": {
		twice("payRest", restOf500),
		{name: "another amount", about: restOf500, body: `{"amount":4.00}`, status: http.StatusPreconditionFailed},
	},
	"payRestForm": {
		{name: "400", about: restOf500, body: form("amount", "x"), status: http.StatusBadRequest},
		twice("payRest", restOf500),
	},
	"resolveRefund":    {twice("resolveRefund", unknownRefund)},
	"releaseRefund":    {twice("releaseRefund", heldRefund)},
	"resolveOrder":     {twice("resolveOrder", unknownCharge)},
	"closeDiscrepancy": {twice("closeDiscrepancy", discrepancy)},
	"approveRefund":    {twice("approveRefund", approvalOf("finance"))},
	"declineRefund":    {twice("declineRefund", approvalOf("finance"))},

	"ingestFeed": {
		{name: "no key", status: http.StatusUnauthorized},
		{name: "long", media: "text/csv", body: longFeed(), header: withKey, status: http.StatusAccepted},
		{name: "400", media: "text/csv", body: "x\n", header: withKey, status: http.StatusBadRequest},
		{name: "409", media: "text/csv", body: "external_product_id,name,price,stock\n", header: withUsedKey,
			status: http.StatusConflict},
		{name: "415", media: "text/plain", body: "x", header: withKey, status: http.StatusUnsupportedMediaType},
	},
	"externalOrder": {
		{name: "no key", status: http.StatusUnauthorized},
		{name: "400", body: `{"order_number":""}`, header: withKey, status: http.StatusBadRequest},
		{name: "409", body: `{"order_number":"A-2","lines":[{"product":"lamp-1","quantity":9999}]}`, header: withKey,
			status: http.StatusConflict},
		{name: "413", body: `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, header: withKey,
			status: http.StatusRequestEntityTooLarge},
	},

	"storeCredit": {{name: "spent", about: spentCredit, status: http.StatusOK}},
	"listMail":    {{name: "400 state", query: "state=lost", status: http.StatusBadRequest}},
	"resendMail":  {{name: "not given up", about: decidedBefore("resendMail", deadMail), status: http.StatusNotFound}},
	"createWebhookForm": {{name: "400", body: form("url", "ftp://receiver.example", "events", "order.completed"),
		status: http.StatusBadRequest}},
	"createWebhook": {{name: "private", body: `{"url":"https://10.0.0.1/"}`, status: http.StatusBadRequest}},
	"rotateWebhook": {{name: "twice", about: rotatedWebhook, body: `{}`, status: http.StatusConflict}},
	"readWebhook":   {{name: "rotated", about: rotatedWebhook, status: http.StatusOK}},
	"changeWebhook": {
		{name: "no such event", about: aWebhook, status: http.StatusBadRequest,
			body: `{"url":"https://receiver.example","events":["order.paid"]}`},
		{name: "since", about: aWebhook, status: http.StatusBadRequest,
			body: `{"url":"https://receiver.example","since":"2026-01-01"}`},
	},
	"pingWebhook":    {{name: "disabled", about: disabledWebhook, status: http.StatusBadRequest}},
	"replayWebhook":  {{name: "disabled", about: disabledWebhook, status: http.StatusBadRequest}},
	"resendWebhook":  {{name: "none dead", about: aWebhook, status: http.StatusNotFound}},
	"listDeliveries": {{name: "a test", about: pinged, status: http.StatusOK}},
	"runScenario": {
		{name: "another id", about: noRun, body: `{"id":"X.2"}`, status: http.StatusBadRequest},
		{name: "in progress", about: running, status: http.StatusConflict},
	},
	"runScenarioForm": {
		{name: "404", body: form("id", "none"), status: http.StatusNotFound},
		{name: "in progress", about: running, status: http.StatusConflict},
	},

	"metrics": {{name: "by a proxy", header: with("X-Forwarded-For", "192.0.2.1"), status: http.StatusForbidden}},
	"providerWebhook": {
		{name: "not signed", body: `{}`, status: http.StatusBadRequest},
		{name: "large", body: `{"a":"` + strings.Repeat("x", 1<<19) + `"}`, status: http.StatusRequestEntityTooLarge},
	},
}

// cartRefusals are what is refused of a change of the cart.
var cartRefusals = []request{
	{name: "400", body: form("product_id", "x", "quantity", "1"), status: http.StatusBadRequest},
	{name: "404", body: form("product_id", "999999", "quantity", "1"), status: http.StatusNotFound},
}

// unseen are the answers that another test has, and why not this one.
var unseen = map[string]string{
	"register 429":          "2,000 an hour pass; TestAnAddressRegistersTwoThousandAnHour has those beyond",
	"requestReturnForm 429": "the limits of uploads: package uploadtest",
	"checkout 429":          "the limit of checkouts has its tests in package throttle and in admission_test.go",
	"health 503":            "a database that fails ends all else: health_test.go",
	"systemHealth 503":      "as health",
	"healthReady 503":       "as health",
	"healthStartup 503":     "the shop has started: health_test.go",
	"metrics 401":           "needs METRICS_TOKEN: outside_test.go",
	"providerWebhook 503":   "needs a shop without a secret: webhook_test.go",
	"orderHistory 303":      "a page beyond the last one: longlists_test.go",
	"returnsPage 303":       "as orderHistory",
	"usersPage 303":         "as orderHistory",
	"allReturnsPage 303":    "as orderHistory",
	"operationProgress 403": "needs STAFF_SECOND_FACTOR: factor_test.go",
	"getEstimate 403":       "returns that are switched off: TestReturnRequestsAreSwitchedOff",
	"postEstimate 403":      "as getEstimate",
	"requestReturn 413":     "bodies with photos are larger: package upload",
	"fileReturn 413":        "as requestReturn",
	"provideInfo 413":       "as requestReturn",
	"ingestFeed 413":        "10 MB: partner_test.go",
	"ingestFeed 429":        "feeds at once: partner_test.go",
	"externalOrder 429":     "wrong keys of an address: TestARefusedKeyIsInTheAudit",
	"operationProgress 429": "as externalOrder",
	"payRest 202":           "TestWhatRefundsLeftWaitsForApprovalAboveTheLimit",
}

// with adds headers to a request.
func with(header ...string) func(*contractShop) []string {
	return func(*contractShop) []string { return header }
}

var asJSON = with("Accept", "application/json")

// withKey shows the key of a partner.
func withKey(s *contractShop) []string {
	s.t.Helper()
	return []string{"X-API-Key", s.partnerKey()}
}

// withUsedKey shows an Idempotency-Key that the partner used for another feed.
func withUsedKey(s *contractShop) []string {
	s.t.Helper()
	header := append(withKey(s), "Idempotency-Key", "feed-1")
	feed := "external_product_id,name,price,stock\nlamp-9,Lamp,1.50,3\n"
	s.people["nobody"].send("POST", "/api/partner/ingest", "text/csv", feed, header...).want(s.t, http.StatusOK)
	return header
}

// signed is the signature of the document's example of a message of the provider.
func signed(s *contractShop) []string {
	op, _ := s.doc.Operation("providerWebhook")
	_, body := s.example(op, "application/json")
	p := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{
		Payload: []byte(body), Secret: secret, Timestamp: time.Now(),
	})
	return []string{"Stripe-Signature", p.Header}
}

// headers are those that an example needs.
var headers = map[string]func(*contractShop) []string{
	"ingestFeed": withKey, "externalOrder": withKey, "providerWebhook": signed,
}

// failSignIns spends what an account may fail.
func failSignIns(s *contractShop) {
	s.t.Helper()
	for range 10 {
		s.people["nobody"].form("/login", url.Values{"username": {"ada"}, "password": {"wrong"}})
	}
}

func superAdmin(s *contractShop) subject {
	s.t.Helper()
	u, err := s.Auth.UserByName(s.t.Context(), s.Config.SuperAdminUsername)
	if err != nil {
		s.t.Fatal(err)
	}
	return subject{customer: u.ID}
}

func emptyCart(s *contractShop) {
	s.t.Helper()
	s.people["customer"].form("/cancel_sale", nil).want(s.t, http.StatusFound)
}

// laptop is a return whose refund waits for an approval.
func laptop(s *contractShop) subject {
	s.t.Helper()
	return subject{path: []string{"id", s.approved(s.buyOf(s.me(), 1, 1)).ID}}
}

// usedKey is a request under a key that was used for another.
var usedKey = request{
	name: "used key", status: http.StatusConflict, header: with("Idempotency-Key", "product-1"),
	before: func(s *contractShop) {
		s.t.Helper()
		body := `{"name":"Lamp","price":1,"stock":1}`
		s.people["admin"].json("/api/admin/products", body, "Idempotency-Key", "product-1").want(s.t, http.StatusOK)
	},
}

// blank is a form in which nothing is right.
func blank(about func(s *contractShop) subject) request {
	return request{
		name: "blank", about: about, media: "application/x-www-form-urlencoded", body: "x=",
		status: http.StatusBadRequest,
	}
}
