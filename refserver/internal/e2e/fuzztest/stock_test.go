package fuzztest

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/auth"
)

// mouse is a product with a large stock.
const mouse = 2

// kept is how many ids of a kind are known at a time.
const kept = 40

// by is somebody with the role.
func (s *shop) by(role auth.Role) *person {
	for _, p := range s.people {
		if p.role == role {
			return p
		}
	}
	s.tb.Fatalf("nobody is %s", role)
	return nil
}

// know keeps ids of a kind, the newest in the place of a random one.
func (s *shop) know(kind string, ids ...string) {
	for _, id := range ids {
		if list := s.gen.IDs[kind]; len(list) >= kept {
			list[s.gen.Rand.IntN(len(list))] = id
		} else {
			s.gen.IDs[kind] = append(list, id)
		}
	}
}

// fill gives the shop what requests can be about.
func (s *shop) fill() {
	s.tb.Helper()
	admin := s.by(auth.Admin)
	s.know("product_id", "1", "2", "3", "5")
	s.know("name", "returns", "store_credit", "photos")
	s.know("currency", "USD")
	var partner struct{ Partner struct{ ID string } }
	s.call(admin, "/api/admin/partners", `{"name":"Partner"}`, &partner)
	var key struct {
		Key     string
		Details struct{ Prefix string }
	}
	s.call(admin, "/api/admin/partners/"+partner.Partner.ID+"/keys", `{}`, &key)
	s.key = key.Key
	s.know("partner", partner.Partner.ID)
	var other struct{ Details struct{ Prefix string } } // the one that may be revoked
	s.call(admin, "/api/admin/partners/"+partner.Partner.ID+"/keys", `{}`, &other)
	s.know("prefix", other.Details.Prefix)
	var feed struct {
		ID string `json:"operation_id"`
	}
	s.call(s.people[0], "/api/partner/ingest", `[{"id":"lamp-1","name":"Lamp","price":9.5,"stock":900}]`, &feed,
		"X-API-Key", s.key)
	s.know("operation_id", feed.ID)
	now := time.Now().UTC()
	s.do(admin, "POST", "/admin/flash-sales", "application/x-www-form-urlencoded", url.Values{
		"product_id": {"3"}, "percent": {"25"}, "cap": {"50"}, "cap_per_customer": {"3"},
		"starts": {
			now.Add(-time.Hour).Format("2006-01-02T15:04"),
		}, "ends": {now.Add(time.Hour).Format("2006-01-02T15:04")},
	}.Encode())
	var sales struct {
		Sales []struct{ ID string } `json:"flash_sales"`
	}
	s.call(admin, "/api/flash-sales", "", &sales)
	for _, sale := range sales.Sales {
		s.know("sale", sale.ID)
	}
	for range 3 {
		for _, p := range s.people {
			if p.role == auth.Customer {
				s.refill(p)
			}
		}
	}
}

// refill has a customer order, and request a return that comes some of the way.
func (s *shop) refill(p *person) {
	s.tb.Helper()
	form := "application/x-www-form-urlencoded"
	s.do(p, "POST", "/cancel_sale", form, "")
	s.do(p, "POST", "/add_to_cart", form, fmt.Sprintf("product_id=%d&quantity=2", mouse))
	method := []string{
		"payment_method=Cash",
		"payment_method=Card&card_number=4242424242424242&card_exp_date=12%2F2099&card_type=Visa",
	}[s.gen.Rand.IntN(2)]
	s.do(p, "POST", "/checkout", form, method)
	var list struct {
		Orders []struct {
			ID, Status string
			Items      []struct {
				ID string `json:"sale_item_id"`
			}
		}
	}
	s.call(p, "/api/orders", "", &list)
	if len(list.Orders) == 0 || list.Orders[0].Status != "COMPLETED" {
		return // a policy or a switch that was set on the way does not let them
	}
	order, line := list.Orders[0].ID, list.Orders[0].Items[0].ID
	s.know("sale_id", order)
	s.know("sale_item_id", line)
	s.know("customer_id", p.id)
	w := s.do(p, "POST", "/api/returns", "application/json", fmt.Sprintf(
		`{"sale_id":%q,"reason":"DAMAGED","details":%q,"items":[{"sale_item_id":%q,"quantity":1}]}`,
		order,
		p.mark,
		line,
	))
	_, rest, ok := strings.Cut(w.Body.String(), `"return":{"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	if !ok {
		return
	}
	s.know("return", id)
	at, admin := "/api/admin/returns/"+id, s.by(auth.Admin)
	for _, step := range [][2]string{
		{"/authorize", `{"approve":true}`}, {"/receive", `{}`},
		{"/inspection", `{"result":"APPROVED","inspected_by":"Eve"}`},
	}[:s.gen.Rand.IntN(4)] {
		s.do(admin, "POST", at+step[0], "application/json", step[1])
	}
}

// about sets what the placeholder id of a path stands for.
func (s *shop) about(path string) {
	for _, kind := range [][2]string{
		{"/returns/", "return"}, {"/products/", "product_id"}, {"/partners/", "partner"}, {"/flash-sales/", "sale"},
		{"/orders/", "sale_id"}, {"/refunds/", "refund"},
	} {
		if strings.Contains(path, kind[0]) {
			s.gen.IDs["id"] = s.gen.IDs[kind[1]]
			return
		}
	}
	s.gen.IDs["id"] = nil
}
