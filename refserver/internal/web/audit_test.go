package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

func TestStaffSearchChanges(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada, bob, boss := b.customer("ada"), b.customer("bob"), b.staff()
	first := b.bought(ada, 1)
	var others string
	for range 30 {
		others = b.bought(bob, 1).ID
	}
	ada.get("/admin/audit").want(http.StatusForbidden)
	boss.get("/admin/audit").want(http.StatusOK, "placed the order", "completed the order", others, "Older")
	about := boss.get("/admin/audit?about="+first.ID).want(http.StatusOK, first.ID, "placed the order", "test").body
	if strings.Contains(about, others) {
		t.Error("changes of another order are shown")
	}
	if theirs := boss.get("/admin/audit?who=ada").want(http.StatusOK, first.ID).body; strings.Contains(theirs, others) {
		t.Error("changes by another person are shown")
	}
	boss.get("/admin/audit?who=nobody").want(http.StatusOK, "No change matches")
	boss.get("/admin/audit?to=2025-01-01").want(http.StatusOK, "No change matches")
	if placed := boss.get("/admin/audit?type=order.placed").
		want(http.StatusOK, "placed the order").body; strings.Contains(placed, "completed the order") {
		t.Error("changes of another kind are shown")
	}
	for _, wrong := range []string{"type=order.stolen", "from=yesterday", "to=1", "after=!!"} {
		boss.get("/admin/audit?" + wrong).want(http.StatusBadRequest)
	}

	older, seen := regexp.MustCompile(`href="(/admin/audit\?[^"]*)" rel="next"`), 0
	for path := "/admin/audit?type=order.placed&who=bob"; path != ""; {
		page := boss.get(path).want(http.StatusOK).body
		seen += strings.Count(page, "placed the order")
		path = ""
		if m := older.FindStringSubmatch(page); m != nil {
			path = strings.ReplaceAll(m[1], "&amp;", "&")
			if _, err := url.Parse(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	if seen != 30 {
		t.Errorf("%d orders of bob on all pages, want 30", seen)
	}
}
