package web_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

func TestTheDashboardShowsAQuarterInAZone(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	boss := b.staff()
	page := boss.get("/admin/dashboard").want(http.StatusOK).body
	for _, want := range []string{
		"Orders accepted", "no data", "no checkout yet", "No returns were requested", `name="quarter"`, "2025-Q1",
		"2050-Q4",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("an idle shop's dashboard lacks %q", want)
		}
	}
	b.bought(b.customer("ada"), 1)
	if err := b.CountNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	page = boss.get("/admin/dashboard?zone=Asia/Kathmandu").want(http.StatusOK).body
	for _, want := range []string{"fulfilled", "100 %", "Asia/Kathmandu", "/admin/dashboard/charts/days?"} {
		if !strings.Contains(page, want) {
			t.Errorf("a busy shop's dashboard lacks %q", want)
		}
	}
	if first := boss.get("/admin/dashboard?quarter=2025-Q1").want(http.StatusOK).body; strings.Contains(
		first,
		"Previous quarter",
	) ||
		!strings.Contains(first, "2025-Q2") {
		t.Error("before the first quarter there is none")
	}
	for _, wrong := range []string{
		"quarter=2024-Q4", "quarter=2026-Q5", "quarter=now", "zone=Mars/Base", "zone=Local", "zone=../../etc/passwd",
	} {
		boss.get("/admin/dashboard?" + wrong).want(http.StatusBadRequest)
		boss.get("/admin/dashboard/charts/days?" + wrong).want(http.StatusBadRequest)
		boss.get("/admin/dashboard/stream?" + wrong).want(http.StatusBadRequest)
	}
	for _, name := range []string{"days", "reasons", "paid", "cycle"} {
		for _, size := range []string{"", "?w=248"} {
			svg := boss.get("/admin/dashboard/charts/" + name + size).want(http.StatusOK).body
			if !strings.HasPrefix(svg, "<svg") || !strings.Contains(svg, "prefers-color-scheme:dark") {
				t.Errorf("chart %s: %.80s", name, svg)
			}
		}
	}
	boss.get("/admin/dashboard/charts/salaries").want(http.StatusNotFound)
}

func TestTheDashboardStreamEndsWhenTheProcessDrains(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	res, err := b.staff().c.Get(b.base + "/admin/dashboard/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}()
	if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("content type %q", got)
	}
	lines := bufio.NewScanner(res.Body)
	sections, event := 0, false
	for lines.Scan() {
		line := lines.Text()
		event = event || line == "event: dashboard"
		if strings.Contains(line, "data-live") {
			sections++
		}
		if line == "" && event {
			b.Health.SetDraining()
		}
	}
	if err := lines.Err(); err != nil || !event || sections < 8 {
		t.Errorf("event %v with %d sections, %v", event, sections, err)
	}
}
