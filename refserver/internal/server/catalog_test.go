package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders"
)

// TestAFeedOfManyProductsLeavesThePagesSmall: the shop and the list of staff show them page by page,
// and find one by a part of its name or category.
func TestAFeedOfManyProductsLeavesThePagesSmall(t *testing.T) {
	b := open(t)
	admin := b.signIn()
	b.customer("ada")
	ada := b.signInAs("ada", "correct horse")
	if page := ada.get("/").want(t, http.StatusOK); strings.Contains(page.body, "Find a product") {
		t.Error("a search over a page of products")
	}
	_, key := admin.partnerKey("North")
	feed := "id,name,price,stock,category\n"
	for i := range 150 {
		feed += fmt.Sprintf("p%d,Part No. %03d,1.00,%d,Spares\n", i, i, i%50)
	}
	browser{b, http.DefaultClient}.send("POST", "/api/partner/ingest", "text/csv", feed, "X-API-Key", key).want(t, 200)
	const total = 162 // 12 of them of the demo data
	articles := func(a answer) int { return strings.Count(a.body, "<article") }
	first := ada.get("/").want(t, http.StatusOK, "Find a product", "Page 1 of 3", "/?page=2")
	last := ada.get("/?page=3").want(t, http.StatusOK, "Part No. 149", "Page 3 of 3", `value="/?page=3"`)
	if n := articles(first); n != 60 {
		t.Errorf("the first page has %d products", n)
	}
	if n := articles(last); n == 0 || n >= 60 {
		t.Errorf("the last page has %d products", n)
	}
	ada.get("/?q=no.%20077").want(t, http.StatusOK, "Part No. 077", "1 product match")
	ada.get("/?q=SPARES").want(t, http.StatusOK, "150 products match", "/?page=2&amp;q=SPARES")
	ada.get("/?q=unobtainium").want(t, http.StatusOK, "No product matches “unobtainium”")
	ada.get("/?page=-1").want(t, http.StatusBadRequest, "The list is not filtered", "Page 1 of 3")
	beyond := ada.get("/?page=99&q=spares").want(t, http.StatusSeeOther)
	if to := beyond.header.Get("Location"); to != "/?page=3&q=spares" {
		t.Errorf("a page beyond the last one is at %q", to)
	}

	// Programs read all of them, or page by page.
	ids := func(query string, size, total int) (out []int64) {
		t.Helper()
		var list struct {
			Products []struct{ ID int64 }
			Total    int
		}
		a := ada.get("/api/products"+query).want(t, http.StatusOK)
		if err := json.Unmarshal([]byte(a.body), &list); err != nil {
			t.Fatal(err)
		}
		if len(list.Products) != size || list.Total != total {
			t.Errorf("%q lists %d of %d products, want %d of %d", query, len(list.Products), list.Total, size, total)
		}
		for _, p := range list.Products {
			out = append(out, p.ID)
		}
		return out
	}
	all := ids("", total, total)
	paged := append(ids("?page=1", 100, total), ids("?page=2", total-100, total)...)
	if !slices.Equal(paged, all) || !slices.IsSorted(all) {
		t.Errorf("the pages list %v, all is %v", paged, all)
	}
	ids("?page=3", 0, total)
	ada.get("/api/products?page=0").want(t, http.StatusBadRequest, `"code":"INVALID"`, "page")

	// Who adds a product comes back to the page it was on.
	add := func(next string) string {
		a := ada.send("POST", "/add_to_cart", "application/x-www-form-urlencoded", url.Values{
			"product_id": {"2"}, "quantity": {"1"}, "next": {next},
		}.Encode(), "Accept", "text/html").want(t, http.StatusFound)
		return a.header.Get("Location")
	}
	for next, want := range map[string]string{
		"/?page=3": "/?page=3", "": "/", "https://example.com/": "/", "//example.com": "/",
	} {
		if got := add(next); got != want {
			t.Errorf("from %q it goes to %q", next, got)
		}
	}

	admin.get("/admin/products?q=part").want(t, http.StatusOK, "150 products", "Page 1 of 3")
	admin.get("/admin/products?q=part&stock=low&page=1").want(t, http.StatusOK, "18 products")
	admin.get("/admin/products?q=unobtainium").want(t, http.StatusOK, "No product matches")
}

// TestANewProductIsShipped unless who creates it, or the feed that brings it, says that it is not.
// A change that says nothing of it leaves it.
func TestANewProductIsShipped(t *testing.T) {
	b := open(t)
	admin := b.signIn()
	_, key := admin.partnerKey("North")
	shipped := func(name string) bool {
		t.Helper()
		all, err := b.Orders.Products(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(p orders.Product) bool { return p.Name == name })
		if i < 0 {
			t.Fatalf("%s is not there", name)
		}
		return all[i].RequiresShipping
	}
	feed := func(rows string) {
		t.Helper()
		browser{b, http.DefaultClient}.
			send("POST", "/api/partner/ingest", "text/csv", rows, "X-API-Key", key).want(t, http.StatusOK)
	}
	for _, tt := range []struct {
		name, product string
		make          func()
		want          bool
	}{
		{"JSON that leaves it out", "Lamp", func() {
			admin.json("/api/admin/products", `{"name":"Lamp","price":5,"stock":1}`).
				want(t, http.StatusOK, `"requires_shipping":true`)
		}, true},
		{"JSON that denies it", "Song", func() {
			a := admin.json("/api/admin/products", `{"name":"Song","price":5,"stock":1,"requires_shipping":false}`)
			var made struct{ Product struct{ ID int64 } }
			if err := json.Unmarshal([]byte(a.want(t, http.StatusOK).body), &made); err != nil {
				t.Fatal(err)
			}
			admin.json(fmt.Sprint("/api/admin/products/", made.Product.ID), `{"stock":2}`).want(t, http.StatusOK)
		}, false},
		{"a form without the tick", "Poem", func() {
			admin.form("/admin/products", url.Values{"name": {"Poem"}, "price": {"5"}, "stock": {"1"}}).
				want(t, http.StatusFound)
		}, false},
		{"a feed that leaves it out", "Chair", func() { feed("id,name,price,stock\nc,Chair,5,1\n") }, true},
		{"a feed that denies it, and then leaves it out", "Game", func() {
			feed("id,name,price,stock,requires_shipping\ng,Game,5,1,no\n")
			feed("id,name,price,stock\ng,Game,6,1\n")
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.make()
			if got := shipped(tt.product); got != tt.want {
				t.Errorf("shipped: %t, want %t", got, tt.want)
			}
		})
	}
	admin.get("/admin/products").want(t, http.StatusOK, `name="requires_shipping" value="1" checked`)
}
