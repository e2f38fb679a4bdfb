package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refserver/internal/review"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// me is the customer of the contract test.
func (s *contractShop) me() event.Actor {
	return event.Actor{Kind: event.ActorCustomer, ID: s.ids["customer"], Name: "the_customer"}
}

// ordered is an order of the customer.
func ordered(s *contractShop) subject {
	s.t.Helper()
	o := s.buy(s.me(), 2)
	return subject{order: o.ID, line: o.Lines[0].ID, customer: o.CustomerID}
}

// inCart puts something into the customer's cart.
func inCart(s *contractShop) subject {
	s.t.Helper()
	if _, err := s.Orders.SetCartQuantity(s.t.Context(), s.me().ID, keyboard, 1); err != nil {
		s.t.Fatal(err)
	}
	return subject{}
}

// at is a return of the customer that has gone through the steps.
func at(steps ...func(s *contractShop, id string) (returns.Return, error)) func(s *contractShop) subject {
	return func(s *contractShop) subject {
		s.t.Helper()
		o := s.buy(s.me(), 1)
		c, err := s.Returns.Create(s.t.Context(), s.me(), returns.CreateParams{
			OrderID: o.ID, CustomerID: o.CustomerID, Reason: returns.ReasonDamaged, Details: "broken",
			Items: []returns.RequestItem{{OrderLineID: o.Lines[0].ID, Quantity: 1}},
		})
		for _, step := range steps {
			if err == nil {
				_, err = step(s, c.ID)
			}
		}
		if err != nil {
			s.t.Fatal(err)
		}
		return subject{path: []string{"id", c.ID}, order: o.ID, line: o.Lines[0].ID, customer: o.CustomerID}
	}
}

func authorize(s *contractShop, id string) (returns.Return, error) {
	return s.Returns.Authorize(s.t.Context(), id, clerk, "fine")
}

func reject(s *contractShop, id string) (returns.Return, error) {
	return s.Returns.Reject(s.t.Context(), id, clerk, "no")
}

func ask(s *contractShop, id string) (returns.Return, error) {
	return s.Returns.RequestInfo(s.t.Context(), id, clerk, "Which part?")
}

func receive(s *contractShop, id string) (returns.Return, error) {
	return s.Returns.Receive(s.t.Context(), id, clerk, returns.ReceiveParams{})
}

func inspect(s *contractShop, id string) (returns.Return, error) {
	return s.Returns.Inspect(s.t.Context(), id, clerk, returns.InspectionInput{
		Result: returns.InspectionApproved, InspectedBy: "clerk",
	})
}

// unknownRefund is a refund with an unknown outcome.
func unknownRefund(s *contractShop) subject {
	s.t.Helper()
	c := s.approved(s.buy(s.me(), 1))
	return subject{path: []string{"id", s.unknown(&c).ID}}
}

// heldRefund is a refund that waits for a dispute.
func heldRefund(s *contractShop) subject {
	s.t.Helper()
	o := s.buy(s.me(), 1)
	c := s.approved(o)
	hold := refunds.HoldRequest{
		OrderID: o.ID, PaymentID: o.Payment.ID, Captured: o.Payment.Amount, Currency: o.Currency, Ref: "dp_" + o.ID,
		By: clerk,
	}
	_, err := s.Refunds.Hold(s.t.Context(), hold)
	var r refunds.Intent
	if err == nil {
		_, r, err = s.Returns.Refund(s.t.Context(), c.ID, clerk, returns.RefundParams{Method: payment.Card})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return subject{path: []string{"id", r.ID}}
}

// restOf500 is an order whose refunds left 5.00, to be paid as store credit.
func restOf500(s *contractShop) subject {
	s.t.Helper()
	if !s.Features.On(feature.StoreCredit, s.me().ID) { // another request has turned it off
		s.people["admin"].turn(feature.StoreCredit, "enable")
	}
	s.count++
	who := s.customer(fmt.Sprintf("owed_%d", s.count)) // with a cart that nobody has filled
	o, _ := s.owedRest(who, 500)
	return subject{path: []string{"id", o.ID}}
}

// unknownCharge is an order whose charge has an unknown outcome.
func unknownCharge(s *contractShop) subject {
	s.t.Helper()
	s.faults(paysim.Faults{Down: true})
	o := s.buy(s.me(), 1)
	s.faults(paysim.Faults{})
	_, err := ordersdb.New(s.DB).Update(s.t.Context(), o.ID, func(o *orders.Order) error {
		st := event.Stamp{At: time.Now(), By: event.System("test")}
		if err := o.Confirming(st, "pi_"+o.ID); err != nil {
			return err
		}
		return o.ChargeAttempted(st, orders.ChargeResult{
			Outcome: payment.OutcomeUnknown, Message: "no answer", MayBeCaptured: true, NeedsReview: true,
		})
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return subject{path: []string{"id", o.ID}}
}

// discrepancy is a discrepancy that is open.
func discrepancy(s *contractShop) subject {
	s.t.Helper()
	s.count++
	id := fmt.Sprintf("evt_%d", s.count)
	if _, err := s.Discrepancies.Raise(s.t.Context(), review.Discrepancy{
		ID: id, Kind: "refund", Message: "5 is not 6",
	}); err != nil {
		s.t.Fatal(err)
	}
	return subject{path: []string{"id", id}}
}

// approvalOf is a refund of a laptop, which waits for a second person.
func approvalOf(by string) func(s *contractShop) subject {
	return func(s *contractShop) subject {
		s.t.Helper()
		const laptop = 1
		emptyCart(s)
		c := s.approved(s.buyOf(s.me(), laptop, 1))
		s.people[by].json("/api/admin/returns/"+c.ID+"/refund", `{"method":"CARD"}`).want(s.t, http.StatusAccepted)
		return subject{path: []string{"id", s.people[by].waits()[c.ID]}}
	}
}

// decided is the subject after the example of an operation was sent for it.
func (s *contractShop) decided(operation string, about subject) subject {
	s.t.Helper()
	op, ok := s.doc.Operation(operation)
	if !ok {
		s.t.Fatalf("there is no operation %s", operation)
	}
	path := strings.ReplaceAll(op.Path, "{id}", about.path[1])
	kind, body := s.example(op, medias(op)[0])
	s.people["admin"].send(op.Method, path, kind, body).want(s.t, http.StatusOK)
	return about
}

// decidedBefore is a subject that the operation was sent for already.
func decidedBefore(operation string, about func(s *contractShop) subject) func(s *contractShop) subject {
	return func(s *contractShop) subject {
		s.t.Helper()
		return s.decided(operation, about(s))
	}
}

// twice is the request of an operation for what it was sent for already: 409.
func twice(operation string, about func(s *contractShop) subject) request {
	return request{name: "again", status: http.StatusConflict, about: decidedBefore(operation, about)}
}

// partner makes a partner with a key.
func (s *contractShop) partner() (id, key string) {
	s.t.Helper()
	s.count++
	return s.people["admin"].partnerKey(fmt.Sprintf("Partner %d", s.count))
}

// partnerKey is the key of a partner whose feed has been taken in.
func (s *contractShop) partnerKey() string {
	s.t.Helper()
	if s.key != "" {
		return s.key
	}
	_, key := s.partner()
	s.key = key
	s.people["nobody"].send("POST", "/api/partner/ingest", "text/csv",
		"external_product_id,name,price,stock\nlamp-1,Lamp,10.50,30\n", "X-API-Key", key).want(s.t, http.StatusOK)
	return key
}

func partnerSubject(s *contractShop) subject {
	s.t.Helper()
	id, _ := s.partner()
	return subject{
		path: []string{"id", id, "prefix", prefixOf(s, s.people["admin"].get("/api/admin/partners").body, id)},
	}
}

// prefixOf reads the prefix of the partner's key.
func prefixOf(s *contractShop, list, id string) string {
	s.t.Helper()
	var all struct {
		Partners []struct {
			ID   string
			Keys []struct{ Prefix string }
		}
	}
	if err := json.Unmarshal([]byte(list), &all); err != nil {
		s.t.Fatal(err)
	}
	for _, p := range all.Partners {
		if p.ID == id && len(p.Keys) > 0 {
			return p.Keys[0].Prefix
		}
	}
	s.t.Fatalf("partner %s has no key in %s", id, list)
	return ""
}

// fetched is a partner with the address of a feed.
func fetched(s *contractShop) subject {
	s.t.Helper()
	about := partnerSubject(s)
	s.people["admin"].json("/api/admin/partners/"+about.path[1],
		`{"name":"Fetched `+about.path[1]+`","feed_url":"http://127.0.0.1:9/feed.csv"}`).want(s.t, http.StatusOK)
	return about
}

// longFeed is a feed that is not taken in before it is answered.
func longFeed() string {
	var feed strings.Builder
	feed.WriteString("external_product_id,name,price,stock\n")
	for i := range 300 {
		fmt.Fprintf(&feed, "p%d,Product %d,9.50,3\n", i, i)
	}
	return feed.String()
}

// runningFeed is a feed that is being taken in.
func runningFeed(s *contractShop) subject {
	s.t.Helper()
	_, key := s.partner()
	a := s.people["nobody"].send("POST", "/api/partner/ingest", "text/csv", longFeed(), "X-API-Key", key)
	return subject{path: []string{"operation_id", progressOf(s.bench.t, a.want(s.t, http.StatusAccepted)).ID}}
}

// flashSale is a sale of keyboards that is on.
func flashSale(s *contractShop) subject {
	s.t.Helper()
	list := func() saleAnswer {
		return s.people["customer"].get("/api/flash-sales").sale(s.bench.t, http.StatusOK)
	}
	if len(list().Sales) == 0 {
		s.people["admin"].form("/admin/flash-sales", plan()).want(s.bench.t, http.StatusFound)
	}
	return subject{path: []string{"id", list().Sales[0].ID}}
}

func aProduct(*contractShop) subject { return subject{path: []string{"id", "5"}} }

func aSwitch(s *contractShop) subject {
	s.t.Helper()
	return subject{path: []string{"name", "store_credit"}, customer: s.me().ID}
}

// ada is an account to sign in with.
func ada(s *contractShop) subject {
	s.t.Helper()
	return subject{customer: s.customer("ada").ID}
}

// newAccount is an account to give a role.
func newAccount(s *contractShop) subject {
	s.t.Helper()
	s.count++
	return subject{customer: s.customer(fmt.Sprintf("new_%d", s.count)).ID}
}

// subjects are what the examples are about, by operation.
var subjects = map[string]func(s *contractShop) subject{
	"setRole":  newAccount,
	"signIn":   ada,
	"checkout": inCart,

	"changeProduct": aProduct, "reserveFlashSale": flashSale, "listFlashSales": flashSale,
	"listProducts": flashSale, "listOrders": ordered, "orderHistory": ordered,

	"requestReturn": ordered, "requestReturnForm": ordered, "getEstimate": ordered, "postEstimate": ordered,
	"fileReturn": ordered, "listReturns": at(), "listAllReturns": at(authorize, receive, inspect), "readReturn": at(),
	"readAnyReturn": at(authorize), "provideInfo": at(ask), "provideInfoForm": at(ask), "cancelReturn": at(),
	"cancelReturnForm": at(),

	"authorizeReturn": at(), "authorizeReturnForm": at(), "requestInfo": at(), "requestInfoForm": at(),
	"overridePolicy": at(), "overridePolicyForm": at(), "shipReturn": at(authorize), "shipReturnForm": at(authorize),
	"receiveReturn": at(authorize), "receiveReturnForm": at(authorize), "inspectReturn": at(authorize, receive),
	"inspectReturnForm": at(authorize, receive), "refundReturn": at(authorize, receive, inspect),
	"refundReturnForm": at(authorize, receive, inspect), "payRest": restOf500, "payRestForm": restOf500,

	"resolveRefund": unknownRefund, "releaseRefund": heldRefund, "resolveOrder": unknownCharge,
	"closeDiscrepancy": discrepancy, "approveRefund": approvalOf("finance"), "declineRefund": approvalOf("finance"),

	"changePartner": partnerSubject, "fetchPartner": fetched, "newPartnerKey": partnerSubject,
	"revokePartnerKey": partnerSubject, "operationProgress": runningFeed, "cancelOperation": runningFeed,

	"toggleFeature": aSwitch,

	"storeCredit": credited, "listNotifications": aNotice, "readNotifications": aNotice, "readNotification": aNotice,
	"listMail": deadMail, "resendMail": deadMail, "runScenarioForm": noRun, "runScenario": noRun,

	"listWebhooks": aWebhook, "readWebhook": aWebhook, "changeWebhook": aWebhook, "rotateWebhook": aWebhook,
	"deleteWebhook": aWebhook, "enableWebhook": disabledWebhook, "disableWebhook": aWebhook, "pingWebhook": aWebhook,
	"replayWebhook": aWebhook, "resendWebhook": deadLetter, "listDeliveries": deadLetter, "resendDelivery": deadLetter,
}

// queries are what the address of an operation needs besides its path.
var queries = map[string]string{
	"getEstimate": "sale_id=" + exampleOrder + "&reason=DAMAGED&quantity_" + exampleLine + "=1",
}

// callers are who calls an operation that needs no role.
var callers = map[string]string{"operationProgress": "admin"}

// form writes the fields of a form.
func form(fields ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	return v.Encode()
}
