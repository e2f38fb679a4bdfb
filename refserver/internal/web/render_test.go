package web

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/auth"
)

// receiptPage is the page after a checkout.
func receiptPage(tb testing.TB, pages *templates) page {
	tb.Helper()
	nav, err := pages.nav("/checkout")
	if err != nil {
		tb.Fatal(err)
	}
	o := orders.Order{
		ID: "01a22e46-fe24-7e45-85e3-c99315ac4642", Number: "ORD-20261130-KQKXXC30B7", Currency: "USD",
		PlacedAt: time.Date(2026, 11, 30, 21, 0, 0, 0, time.UTC), Status: orders.StatusCompleted,
		Lines: []orders.Line{
			{Name: "Keyboard", Quantity: 1, Paid: money.Components{Price: 2399, Duty: 56, Shipping: 200}},
		},
	}
	return page{
		Title: "Receipt", User: &auth.User{Username: "ada"}, Nav: nav, RequestID: "r1",
		Body: receiptBody{
			Order: o, State: orderState(o.Status), Own: true, Total: 2655, Paid: o.Payments(),
			Subtotal: o.Lines[0].Paid,
		},
	}
}

// TestPagesRenderedAtOnceAreApart: each has the text that it has alone.
func TestPagesRenderedAtOnceAreApart(t *testing.T) {
	pages, err := loadTemplates(time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	want, err := pages.bytes("receipt", receiptPage(t, pages))
	if err != nil {
		t.Fatal(err)
	}
	if text := string(want); !strings.Contains(text, "$26.55") || !strings.Contains(text, "ORD-20261130-KQKXXC30B7") {
		t.Fatalf("the page is %s", text)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				w := httptest.NewRecorder()
				if err := pages.render(w, http.StatusOK, "receipt", receiptPage(t, pages)); err != nil {
					t.Error(err)
				}
				if got := w.Body.String(); got != string(want) {
					t.Errorf("the page is %s", got)
					return
				}
				if err := pages.render(w, http.StatusOK, "error", page{Body: failBody{Heading: "Other"}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// TestTheNavigationSaysWhereThePageIs: on each page, also when another was asked for before.
func TestTheNavigationSaysWhereThePageIs(t *testing.T) {
	pages, err := parseTemplates(time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	const here = ` aria-current="page"`
	for _, path := range []string{"/", "/checkout", "/order-history", "/returns", "/returns/1", "/"} {
		nav, err := pages.nav(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range customerLinks {
			want := `<a href="` + l.Href + `"`
			if l.at(path) {
				want += here
			}
			if !strings.Contains(string(nav), want+">"+l.Name+"</a>") {
				t.Errorf("%s does not say %s of %s:\n%s", path, want, l.Name, nav)
			}
		}
	}
}

// nowhere is an answer that nobody reads.
type nowhere struct {
	io.Writer
	header http.Header
}

func (n nowhere) Header() http.Header { return n.header }
func (n nowhere) WriteHeader(int)     {}

func BenchmarkReceiptPage(b *testing.B) {
	pages, err := loadTemplates(time.UTC)
	if err != nil {
		b.Fatal(err)
	}
	p := receiptPage(b, pages)
	b.ReportAllocs()
	for b.Loop() {
		if p.Nav, err = pages.nav("/checkout"); err != nil {
			b.Fatal(err)
		}
		if err := pages.render(nowhere{io.Discard, http.Header{}}, http.StatusOK, "receipt", p); err != nil {
			b.Fatal(err)
		}
	}
}

// TestPagesAreSentWithoutIndentation: with it, the page after a checkout took two writes to the
// connection, whose buffer has 4096 bytes.
func TestPagesAreSentWithoutIndentation(t *testing.T) {
	pages, err := loadTemplates(time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	text, err := pages.bytes("receipt", receiptPage(t, pages))
	const headers = 800
	if err != nil || len(text)+headers > 4096 {
		t.Errorf("the receipt has %d bytes, %v", len(text), err)
	}
	if at := regexp.MustCompile(`\n[ \t]`).FindIndex(text); at != nil {
		t.Errorf("it is indented after %q", text[max(0, at[0]-40):at[0]])
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	shows := regexp.MustCompile(`<(?:pre|textarea)\b[^>]*>[^{<]*\n[^{<]*[^{<\s]`)
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if at := shows.Find(text); err != nil || at != nil {
			t.Errorf("%s: the white space of %q would show, %v", name, at, err)
		}
	}
}
