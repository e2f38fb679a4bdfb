package browsertest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/e2e/apptest"
	"github.com/returnkit/returnkit/returns"
)

// Of three keyboards two come back.
const product, bought, sentBack = 3, 3, 2

// A run takes a browser and some 20 seconds, so both databases and both widths
// are gone through in two; with SCREENSHOTS set, in all four.
func TestTheMainJobInABrowser(t *testing.T) {
	sqlite := func(*testing.T) []string { return nil }
	postgres := func(t *testing.T) []string { return []string{"DATABASE_URL=" + apptest.PostgresURL(t)} }
	for _, run := range []struct {
		name          string
		settings      func(*testing.T) []string
		width, height int64
		always        bool
	}{
		{"sqlite-desktop", sqlite, 1280, 900, true},
		{"postgres-phone", postgres, 390, 844, true},
		{"sqlite-phone", sqlite, 390, 844, false},
		{"postgres-desktop", postgres, 1280, 900, false},
	} {
		if !run.always && os.Getenv("SCREENSHOTS") == "" {
			continue
		}
		t.Run(run.name, func(t *testing.T) {
			browser := newBrowser(t)
			s, base := serve(t, run.settings(t)...)
			mainJob(t, s, browser.open(t, base, run.width, run.height, run.name))
		})
	}
}

func mainJob(t *testing.T, s *app.App, b *tab) {
	start := stock(t, s)

	b.visit("/register")
	b.fill("#username", "ada")
	b.fill("#email", "ada@example.com")
	b.fill("#password", "correct horse battery")
	b.submit(`form[action="/register"]`)
	b.signIn("ada", "correct horse battery")
	b.shot("shop")

	b.fill(fmt.Sprintf("#q%d", product), strconv.Itoa(bought))
	b.submit(fmt.Sprintf(`form:has(#q%d)`, product))
	b.see("Total with shipping and duty")
	b.click(`input[value="Card"]`)
	b.fill("#card_number", "4242424242424242")
	b.fill("#card_exp_date", "12/2099")
	b.shot("cart")
	b.submit("#checkout")
	b.see("Receipt")
	b.shot("receipt")
	if got := stock(t, s); got != start-bought {
		t.Errorf("stock after the purchase: %d, want %d", got, start-bought)
	}

	b.visit("/returns")
	b.fill(`input[name^="quantity_"]`, strconv.Itoa(sentBack))
	b.choose(`select[name="reason"]`, "DAMAGED")
	b.submit(`form[action="/returns/new"]`)
	b.see("Estimated refund")
	b.fill(`textarea[name="details"]`, "Two of three keys came loose in the box.")
	b.upload(`input[type="file"]`, picture(t))
	b.shot("ask")
	// A mistake in the form: the photo stays with it.
	b.fill(`input[name^="quantity_"]`, "0")
	b.submit(`form[action="/returns/request"]`)
	b.see("Photos you already sent")
	b.see("broken.jpg")
	b.shot("photos-kept")
	b.fill(`input[name^="quantity_"]`, strconv.Itoa(sentBack))
	b.submit(`form[action="/returns/request"]`)
	b.see("Request return for")
	b.see("broken.jpg")
	b.submit(`form[action="/returns/request"]`)
	b.see("Your return is requested")
	b.shot("asked")
	b.steps("Requested")
	c := onlyCase(t, s)
	if len(c.Evidence) != 1 || c.Lines[0].Quantity != sentBack {
		t.Fatalf("the case: %+v", c)
	}
	b.photo("/returns/" + c.ID + "/photos/" + c.Evidence[0].ID)
	b.signOut()

	b.signIn(s.Config.SuperAdminUsername, string(s.Config.SuperAdminPassword))
	b.visit("/admin/returns")
	b.shot("worklist")
	admin := "/admin/returns/" + c.ID
	b.visit(admin)
	b.shot("decide")
	b.press("Authorize return")
	b.see("authorized: RMA-")
	b.fill("#carrier", "UPS")
	b.fill("#tracking_number", "1Z999AA10123456784")
	b.press("Record shipment")
	b.see("The shipment is recorded")
	b.press("Mark as received")
	b.see("received")
	b.shot("inspect")
	b.press("Record inspection")
	b.see("The inspection is recorded: approved")

	o, err := s.Orders.Order(t.Context(), c.OrderID)
	if err != nil {
		t.Fatal(err)
	}
	want := o.Lines[0].Paid.Share(sentBack, bought).Total()
	amount := shown(want, o.Currency)
	b.see(amount)
	b.shot("quote")
	b.press("Refund " + amount)
	b.see("Refund of " + amount + " by card: paid")
	b.shot("refunded")
	b.steps("Requested", "Authorized", "Shipped", "Received", "Inspected", "Refunded")
	b.visit("/admin/dashboard")
	b.shot("dashboard")
	b.visit("/admin/audit?about=" + c.ID)
	b.see("authorized the return")
	b.shot("audit")
	b.visit("/admin/policy")
	b.shot("policy")
	b.visit("/admin/returns/new?order=" + o.Number)
	b.shot("filing")
	b.signOut()

	b.signIn("ada", "correct horse battery")
	b.visit("/returns")
	b.see(amount)
	b.shot("done")
	b.visit("/returns/" + c.ID)
	b.steps("Requested", "Authorized", "Shipped", "Received", "Inspected", "Refunded")
	b.shot("case")

	if c = onlyCase(t, s); c.Status != returns.StatusRefunded {
		t.Errorf("the case is %s", c.Status)
	}
	// What came back damaged is proposed for quarantine, not for the shelf.
	if got := stock(t, s); got != start-bought {
		t.Errorf("stock after the refund: %d, want %d", got, start-bought)
	}
	ledger := s.Simulator.Ledger()
	if len(ledger.Refunds) != 1 || ledger.Refunds[0].AmountMinor != want {
		t.Errorf("the provider's refunds: %+v, want one of %d", ledger.Refunds, want)
	}
}

func stock(t *testing.T, s *app.App) int {
	t.Helper()
	p, err := s.Orders.Product(t.Context(), product)
	if err != nil {
		t.Fatal(err)
	}
	return p.Stock
}

// onlyCase is the one case that is not of the demo data.
func onlyCase(t *testing.T, s *app.App) returns.Return {
	t.Helper()
	list, _, err := s.Returns.Returns(t.Context(), returns.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.RMA != app.DemoRMA {
			return c
		}
	}
	t.Fatal("there is no case")
	return returns.Return{}
}

// picture is a photo in a file.
func picture(t *testing.T) string {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 320, 240))
	for y := range 240 {
		for x := range 320 {
			img.Set(x, y, color.RGBA{uint8(x / 2), uint8(y), uint8(120 + x%60), 255})
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "broken.jpg")
	if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// steps are those that the progress shows as done, of the first case there is.
func (b *tab) steps(want ...string) {
	b.t.Helper()
	got := evaluate[string](
		b,
		`[...document.querySelector(".steps").querySelectorAll(".done")].map(e => `+
			`e.firstChild.textContent.trim()).join(" ")`,
	)
	if got != strings.Join(want, " ") {
		b.t.Errorf("the progress shows %q, want %q", got, want)
	}
}
