package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
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
	if to := ada.get("/?page=99&q=spares").want(t, http.StatusSeeOther).header.Get("Location"); to != "/?page=3&q=spares" {
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
