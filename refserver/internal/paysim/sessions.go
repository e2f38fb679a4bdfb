package paysim

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// The states of a Checkout Session
// (https://docs.stripe.com/api/checkout/sessions/object).
const (
	sessionOpen     = "open"
	sessionComplete = "complete"
	sessionExpired  = "expired"
)

// How long a session may be open
// (https://docs.stripe.com/api/checkout/sessions/create).
const (
	sessionMinAge = 30 * time.Minute
	sessionMaxAge = 24 * time.Hour
)

// session is a Checkout Session in payment mode. Its PaymentIntent is made when
// the customer first pays, as at Stripe.
type session struct {
	ID              string            `json:"id"`
	Live            bool              `json:"live,omitempty"`
	Items           []lineItem        `json:"items"`
	Amount          int64             `json:"amount"`
	Currency        string            `json:"currency"` // lower case
	Status          string            `json:"status"`
	Intent          string            `json:"intent,omitempty"`
	Page            string            `json:"page"` // the address of the hosted page
	SuccessURL      string            `json:"success_url"`
	CancelURL       string            `json:"cancel_url,omitempty"`
	ClientReference string            `json:"client_reference_id,omitempty"`
	Email           string            `json:"email,omitempty"`
	Metadata        map[string]string `json:"metadata,omitempty"`
	IntentMetadata  map[string]string `json:"intent_metadata,omitempty"`
	Description     string            `json:"description,omitempty"`
	CreatedAt       time.Time         `json:"created_at"`
	ExpiresAt       time.Time         `json:"expires_at"`

	index int // position in state.sessions
}

// lineItem is what is bought.
type lineItem struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Unit     int64  `json:"unit_amount"`
	Quantity int64  `json:"quantity"`
}

func (l lineItem) total() int64 { return l.Unit * l.Quantity }

// status returns the state at the instant: a session that is due has expired,
// even if the timer has not come to it yet.
func (c *session) status(now time.Time) string {
	if c.Status == sessionOpen && !now.Before(c.ExpiresAt) {
		return sessionExpired
	}
	return c.Status
}

// address puts the session's id where the shop asked for it.
func (c *session) address(raw string) string {
	return strings.ReplaceAll(raw, "{CHECKOUT_SESSION_ID}", c.ID)
}

func (s *Simulator) createSession(c *call) (operation, *apiError) {
	p := c.params
	if err := p.only(sessionParams...); err != nil {
		return nil, err
	}
	draft := session{
		Live: c.live, Status: sessionOpen, ClientReference: p.values["client_reference_id"],
		Email: p.values["customer_email"], Description: p.values["payment_intent_data[description]"], Page: c.base,
	}
	if s.cfg.PublicURL != "" {
		draft.Page = strings.TrimRight(s.cfg.PublicURL, "/")
	}
	for _, read := range []func(params) *apiError{
		draft.readMode, draft.readItems, draft.readAddresses, draft.readMetadata,
	} {
		if err := read(p); err != nil {
			return nil, err
		}
	}
	if err := draft.readExpiry(p, s.now()); err != nil {
		return nil, err
	}
	expand, err := p.expansions("line_items", "payment_intent")
	if err != nil {
		return nil, err
	}
	return func(t *tx) (func() any, *apiError) {
		made := draft
		made.CreatedAt = t.now
		made.ID = t.newID("cs_test")
		if c.live {
			made.ID = strings.Replace(made.ID, "cs_test", "cs_live", 1)
		}
		made.Page += pagePath + made.ID
		made.Items = slices.Clone(draft.Items)
		for i := range made.Items {
			made.Items[i].ID = t.newID("li")
		}
		t.entry.Session = &made
		return func() any { return t.viewSession(&made, t.now, expand) }, nil
	}, nil
}

// findSession returns the session that the path names.
func (t *tx) findSession() (*session, *apiError) {
	c := t.sessionByID[t.call.object]
	if c == nil || !t.sees(c.Live) {
		return nil, t.noSuch("session", "checkout.session", t.call.object, c != nil)
	}
	return c, nil
}

func retrieveSession(c *call) (operation, *apiError) {
	expand, err := c.params.onlyExpansions("line_items", "payment_intent")
	if err != nil {
		return nil, err
	}
	return func(t *tx) (func() any, *apiError) {
		found, err := t.findSession()
		if err != nil {
			return nil, err
		}
		return func() any { return t.viewSession(found, t.now, expand) }, nil
	}, nil
}

func expireSession(c *call) (operation, *apiError) {
	expand, err := c.params.onlyExpansions("line_items", "payment_intent")
	if err != nil {
		return nil, err
	}
	return func(t *tx) (func() any, *apiError) {
		old, err := t.findSession()
		if err != nil {
			return nil, err
		}
		if status := old.status(t.now); status != sessionOpen {
			return nil, invalid("", "", "Only Checkout Sessions with a status in [\"open\"] can be expired. "+
				"This Checkout Session has a status of `"+status+"`.")
		}
		expired := t.expire(old)
		return func() any { return t.viewSession(expired, t.now, expand) }, nil
	}, nil
}

// expire ends an open session; the PaymentIntent that it may have is canceled.
func (t *tx) expire(old *session) *session {
	c := *old
	c.Status = sessionExpired
	t.entry.Session = &c
	if i := t.intentByID[c.Intent]; i != nil {
		canceled := *i
		canceled.Status, canceled.CanceledAt, canceled.CancelReason = statusCanceled, &t.now, "expired"
		t.entry.Intent = &canceled
	}
	t.emit("checkout.session.expired", c.Live, func() any { return t.viewSession(&c, t.now, nil) })
	return &c
}

// pay takes the money for an open session. A refusal is the bank's; the session
// stays open then.
func (t *tx) pay(old *session, paid card) (*session, *apiError) {
	c := *old
	i := &intent{
		Live: c.Live, Amount: c.Amount, Currency: c.Currency, Session: c.ID, Metadata: c.IntentMetadata,
		Description: c.Description, CreatedAt: t.now,
	}
	if had := t.intentByID[c.Intent]; had != nil {
		same := *had
		i = &same
	} else {
		i.ID = t.newID("pi")
	}
	i.Method, c.Intent = paid.method, i.ID
	t.entry.Intent, t.entry.Session = i, &c
	switch {
	case paid.decline != nil:
		return &c, t.decline(i, paid.decline)
	case paid.action: // the page has no way to authenticate
		return &c, t.decline(i, declineNeedsAuth)
	}
	c.Status = sessionComplete
	t.capture(i, paid)
	t.emit("checkout.session.completed", c.Live, func() any { return t.viewSession(&c, t.now, nil) })
	return &c, nil
}

// scheduleSession sets the timer at which an open session expires, or stops the timer
// of a session that has ended. The caller holds the lock.
func (s *Simulator) scheduleSession(c *session) {
	id := c.ID
	if old := s.expiries[id]; old != nil {
		old.Stop()
		delete(s.expiries, id)
	}
	if c.Status != sessionOpen {
		return
	}
	s.expiries[id] = time.AfterFunc(max(0, c.ExpiresAt.Sub(s.now())), func() {
		// A failure to write is logged where it happens, and every later answer is refused.
		_ = s.control(func(t *tx) error {
			delete(s.expiries, id)
			c := t.sessionByID[id]
			switch {
			case c == nil || c.Status != sessionOpen:
			case c.status(t.now) == sessionOpen: // the clock was set back in the meantime
				s.scheduleSession(c)
			default:
				t.expire(c)
			}
			return nil
		})
	})
}

// The JSON of a Checkout Session.

type sessionView struct {
	ID                string            `json:"id"`
	Object            string            `json:"object"`
	AmountSubtotal    int64             `json:"amount_subtotal"`
	AmountTotal       int64             `json:"amount_total"`
	CancelURL         *string           `json:"cancel_url"`
	ClientReferenceID *string           `json:"client_reference_id"`
	Created           int64             `json:"created"`
	Currency          string            `json:"currency"`
	CustomerEmail     *string           `json:"customer_email"`
	ExpiresAt         int64             `json:"expires_at"`
	LineItems         *listView         `json:"line_items,omitempty"`
	Livemode          bool              `json:"livemode"`
	Metadata          map[string]string `json:"metadata"`
	Mode              string            `json:"mode"`
	PaymentIntent     any               `json:"payment_intent"`
	PaymentTypes      []string          `json:"payment_method_types"`
	PaymentStatus     string            `json:"payment_status"`
	Status            string            `json:"status"`
	SuccessURL        string            `json:"success_url"`
	UIMode            string            `json:"ui_mode"`
	URL               *string           `json:"url"`
}

type itemView struct {
	ID             string    `json:"id"`
	Object         string    `json:"object"`
	AmountSubtotal int64     `json:"amount_subtotal"`
	AmountTotal    int64     `json:"amount_total"`
	Currency       string    `json:"currency"`
	Description    string    `json:"description"`
	Price          priceView `json:"price"`
	Quantity       int64     `json:"quantity"`
}

type priceView struct {
	Object     string `json:"object"`
	Currency   string `json:"currency"`
	UnitAmount int64  `json:"unit_amount"`
}

func (st *state) viewSession(c *session, now time.Time, expand []string) sessionView {
	v := sessionView{
		ID: c.ID, Object: "checkout.session", AmountSubtotal: c.Amount, AmountTotal: c.Amount,
		CancelURL: orNull(c.CancelURL), ClientReferenceID: orNull(c.ClientReference), Created: c.CreatedAt.Unix(),
		Currency: c.Currency, CustomerEmail: orNull(c.Email), ExpiresAt: c.ExpiresAt.Unix(), Livemode: c.Live,
		Metadata: copyMap(c.Metadata), Mode: "payment", PaymentTypes: []string{"card"}, PaymentStatus: "unpaid",
		Status: c.status(now), SuccessURL: c.SuccessURL, UIMode: "hosted_page",
	}
	if v.Status == sessionOpen { // it has an address as long as it can be paid
		v.URL = &c.Page
	}
	if c.Status == sessionComplete {
		v.PaymentStatus = "paid"
	}
	switch i := st.intentByID[c.Intent]; {
	case i != nil && slices.Contains(expand, "payment_intent"):
		v.PaymentIntent = st.viewIntent(i, nil)
	case c.Intent != "":
		v.PaymentIntent = c.Intent
	}
	if slices.Contains(expand, "line_items") {
		items := &listView{Object: "list", Data: []any{}, URL: "/v1/checkout/sessions/" + c.ID + "/line_items"}
		for _, l := range c.Items {
			items.Data = append(items.Data, itemView{
				ID: l.ID, Object: "item", AmountSubtotal: l.total(), AmountTotal: l.total(), Currency: c.Currency,
				Description: l.Name, Quantity: l.Quantity, Price: priceView{"price", c.Currency, l.Unit},
			})
		}
		v.LineItems = items
	}
	return v
}

// returnURL is where the customer goes from the page: to the shop, with the
// outcome, or "" when the session named no address to go back to.
func (c *session) returnURL(now time.Time) string {
	raw := c.CancelURL
	if c.status(now) == sessionComplete {
		raw = c.SuccessURL
	}
	u, err := url.Parse(c.address(raw))
	if err != nil || raw == "" {
		return ""
	}
	return u.String()
}
