package browsertest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
)

// TestScenariosAreRunFromTheDeskAndOutliveAKill: one is run on the page and its report is shown;
// another one is running when the process is killed, and is interrupted after the next start. An
// export that the kill cut off is finished.
func TestScenariosAreRunFromTheDeskAndOutliveAKill(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/e2e/browsertest/")
	browser := newBrowser(t)
	data := "DATA_DIR=" + t.TempDir()
	shop := run(t, []string{data}).MustOpen()
	b := browser.open(t, shop.URL, 1280, 900, "operations")
	b.signIn("super_admin", "super_admin_92587")
	b.visit("/admin/scenarios")
	b.see("not yet")
	b.shot("scenarios")
	b.scenario("T.2")
	b.shot("running")
	b.untilSeen("1 of 1 fulfilled")
	b.see("100 %")
	b.shot("done")
	b.next(clickNode(`//main//a[normalize-space(text())="The report"]`))
	b.see("1000 of 1000 orders paid and refunded")
	b.shot("report")
	b.visit("/admin/scenarios")
	b.see("fulfilled")
	b.visit("/admin/orders")
	b.press("Export all as CSV")
	b.untilSeen("The file is ready.")
	b.shot("export")

	b.visit("/admin/scenarios")
	b.scenario("T.1")
	id := evaluate[string](b, `location.pathname.split("/").pop()`)
	b.untilSeen("T.1 is running")
	shop.Kill()
	shop = run(t, []string{data}).MustOpen()
	admin := client.New(shop.URL, testreq.Patience(t))
	testreq.UntilEvery(t, 200*time.Millisecond, "a shop that lets its admin in", func() bool {
		return admin.SignIn(t.Context(), "super_admin", "super_admin_92587") == nil // 503 while it starts
	})
	var last struct {
		Percent        int
		State, Message string
	}
	testreq.UntilEvery(t, 200*time.Millisecond, "the end of the run that was cut off", func() bool {
		_, err := admin.Call(t.Context(), "/api/progress/"+id, nil, &last)
		return err == nil && last.State != "running"
	})
	if last.State != "interrupted" || last.Percent != 0 || !strings.Contains(last.Message, "Start it again") {
		t.Errorf("it ended %+v", last)
	}
	b = browser.open(t, shop.URL, 390, 844, "operations-phone")
	b.signIn("super_admin", "super_admin_92587")
	for _, path := range []string{"/admin/operations", "/admin/scenarios", "/admin/operations/" + id} {
		b.visit(path)
		b.see("interrupted")
		b.shot("after")
	}
}

// scenario runs a scenario in its short form from the page of all, and goes to its progress.
func (b *tab) scenario(id string) {
	b.t.Helper()
	b.next(clickNode(fmt.Sprintf(
		`//main//tr[th[normalize-space(text())=%q]]//button[@name="short"]`, id,
	)))
}

// untilSeen waits until the page says so; it may be read anew meanwhile.
func (b *tab) untilSeen(words string) {
	b.t.Helper()
	testreq.UntilEvery(b.t, 100*time.Millisecond, words, func() bool { return strings.Contains(b.text(), words) })
}

// clickNode clicks what an XPath finds.
func clickNode(path string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.Search(path))
}
