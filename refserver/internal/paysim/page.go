package paysim

import (
	"embed"
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// pagePath is where the hosted pages of Checkout Sessions are. Stripe's are at
// an address of their own, checkout.stripe.com.
const pagePath = "/c/pay/"

//go:embed page.html
var pageFiles embed.FS

// hostedPage is what the page of a session shows.
type hostedPage struct {
	Title   string
	Message string // why it cannot be paid, or was not
	Items   []pageItem
	Amount  string
	Open    bool   // there is something to pay
	Back    string // where the shop wants the customer to go without paying
}

type pageItem struct{ Name, Amount string }

// newPage makes the page of a session; message says why it was not paid.
func newPage(c *session, now time.Time, message string) hostedPage {
	rule, _ := ruleFor(c.Currency)
	amount := func(n int64) string {
		return decimal(n, rule.kind.digits()) + " " + strings.ToUpper(c.Currency)
	}
	v := hostedPage{
		Title: "Pay " + amount(c.Amount), Message: message, Amount: amount(c.Amount), Back: c.returnURL(now),
		Open: c.status(now) == sessionOpen,
	}
	if !v.Open {
		v.Title, v.Message = "This payment page has expired", "Nothing was charged. Go back to the shop to try again."
		return v
	}
	for _, l := range c.Items {
		name := l.Name
		if l.Quantity > 1 {
			name = strconv.FormatInt(l.Quantity, 10) + " × " + name
		}
		v.Items = append(v.Items, pageItem{name, amount(l.total())})
	}
	return v
}

// reachable reports whether a page can be answered; the connection is cut when
// the plan says that the simulator is down. The other faults are the API's.
func (s *Simulator) reachable(w http.ResponseWriter) bool {
	plan := s.faults.Load()
	if plan.Down || !s.sleep(plan.latency()) {
		cut(w)
		return false
	}
	return true
}

// showPage is GET of the hosted page.
func (s *Simulator) showPage(w http.ResponseWriter, r *http.Request) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if !s.reachable(w) {
		return
	}
	s.mu.Lock()
	c, now, seen := s.state.sessionByID[r.PathValue("id")], s.now(), s.journal.last()
	s.mu.Unlock()
	if s.journal.wait(seen) != nil {
		cut(w)
		return
	}
	s.answerPage(w, r, c, now, http.StatusOK, "")
}

// errNoSession means that the address of a page names no session.
var errNoSession = errors.New("paysim: there is no such Checkout Session")

// payPage is POST of the hosted page. However often it is sent, the session is
// charged once: one that is complete sends the customer on.
func (s *Simulator) payPage(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	paid, message := readCard(r)
	s.gate.RLock() // after the body: Close waits for all who have it
	defer s.gate.RUnlock()
	if !s.reachable(w) {
		return
	}
	var (
		c   *session
		now time.Time
	)
	err := s.control(func(t *tx) error {
		c, now = t.sessionByID[r.PathValue("id")], t.now
		if c == nil {
			return errNoSession
		}
		if message != "" || c.status(now) != sessionOpen {
			return nil
		}
		var refused *apiError
		if c, refused = t.pay(c, paid); refused != nil {
			message = refused.Message
		}
		return nil
	})
	if err != nil && !errors.Is(err, errNoSession) {
		cut(w) // what is not on disk must not be answered
		return
	}
	s.answerPage(w, r, c, now, http.StatusPaymentRequired, message)
}

// answerPage shows the page of a session, or sends the customer on from one
// that is paid. status is the answer's status for an open page.
func (s *Simulator) answerPage(
	w http.ResponseWriter, r *http.Request, c *session, now time.Time, status int, message string,
) {
	w.Header().Set("Cache-Control", "no-store")
	if c == nil {
		writePage(w, http.StatusNotFound, hostedPage{
			Title: "There is no such payment page", Message: "The address is not complete, or the page is an old one.",
		})
		return
	}
	if c.status(now) == sessionComplete {
		http.Redirect(w, r, c.returnURL(now), http.StatusSeeOther)
		return
	}
	if c.status(now) == sessionExpired {
		status = http.StatusGone
	}
	writePage(w, status, newPage(c, now, message))
}

func writePage(w http.ResponseWriter, status int, v hostedPage) {
	// form-action is left out: browsers apply it to the redirect to the shop too.
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	// A browser that has gone learns nothing; the ledger has it.
	_ = template.Must(template.ParseFS(pageFiles, "page.html")).Execute(w, v)
}

// readCard reads the form of the page: the card, or why it cannot be used. The
// number goes no further.
func readCard(r *http.Request) (card, string) {
	if err := r.ParseForm(); err != nil {
		return card{}, "The form could not be read. Please try again."
	}
	digits := strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) || c == '-' {
			return -1
		}
		return c
	}, r.PostForm.Get("card_number"))
	if digits == "" {
		return card{}, "Enter your card number."
	}
	paid, known := cardNumbered(digits)
	if !known {
		return card{}, "That is not one of Stripe's test cards. Use 4242 4242 4242 4242, for example."
	}
	return paid, ""
}
