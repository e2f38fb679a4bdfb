package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/returns"
)

func (s *server) estimateRoutes() {
	s.member("GET /returns/new", s.newReturn)
}

// newReturnBody is a request for a return before it is sent, with what it would refund.
type newReturnBody struct {
	returnOrder
	Estimate *estimateView // nil: there is none, because of what is wrong with the request
	Back     string        // to the choice of items, as they were chosen
}

// estimateView is what a request would refund, as its page shows it and its form sends it.
type estimateView struct {
	Shown      string // the amount, as the form sends it back
	Currency   money.Currency
	Amount     string
	Lines      []amountLine
	Deductions []amountLine
	Methods    string
	Until      string // the latest day, in words; empty where none is promised
}

// amountLine is an amount with its name.
type amountLine struct{ Name, Amount string }

// newReturn is the second step of a request: the items and the reason are in the address.
func (s *server) newReturn(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	form := requestFormOf(query)
	if form.OrderID == "" {
		return s.redirect(w, r, "/returns", "")
	}
	e, err := s.estimate(r, query)
	if err != nil {
		return s.requestRefused(w, r, query, err)
	}
	return s.showNewReturn(w, r, http.StatusOK, form, &e)
}

// estimate is what the request of a form would refund.
func (s *server) estimate(r *http.Request, f url.Values) (returns.Estimate, error) {
	p, err := readRequest(f)
	if err != nil {
		return returns.Estimate{}, err
	}
	if len(p.Items) == 0 {
		return returns.Estimate{}, problem.Invalid("items", noItems)
	}
	return s.Endpoints.EstimateReturn(r.Context(), user(r), p)
}

// estimateChanged is what a customer reads whose refund would be lower now than the page
// said: both amounts, and the form with the new one.
func (s *server) estimateChanged(w http.ResponseWriter, r *http.Request, f url.Values) error {
	shown, err := money.Parse(strings.TrimSpace(f.Get("estimate")), money.Currency(f.Get("currency")))
	if err != nil {
		return err
	}
	e, err := s.estimate(r, f)
	if err != nil {
		return s.requestRefused(w, r, f, err)
	}
	return s.showNewReturn(w, r, http.StatusConflict, requestFormOf(f), &e, note{
		Tone: "bad", Code: string(returns.CodePriceChanged),
		Text: fmt.Sprintf("The estimated refund was %s and is now %s. Nothing was requested. "+
			"Check the new amount, then request the return.",
			shown.Format(language), amount(e.Amount, e.Currency)),
	})
}

// ownOrderOf is the order of a form, if it is the user's.
func (s *server) ownOrderOf(r *http.Request, id string) (orders.Order, error) {
	o, err := s.Orders.Order(r.Context(), id)
	if err != nil {
		return orders.Order{}, err
	}
	if o.CustomerID != user(r).ID {
		return orders.Order{}, orders.ErrNotFound
	}
	return o, nil
}

func (s *server) showNewReturn(
	w http.ResponseWriter, r *http.Request, status int, form requestForm, e *returns.Estimate, notes ...note,
) error {
	o, err := s.ownOrderOf(r, form.OrderID)
	if err != nil {
		return err
	}
	found, err := s.returnOrders(r, []orders.Order{o}, form)
	if err != nil {
		return err
	}
	back := url.Values{"sale_id": {form.OrderID}, "reason": {form.Reason}}
	for line, units := range form.Quantities {
		back.Set(quantityPrefix+line, units)
	}
	body := newReturnBody{returnOrder: found[0], Back: "/returns?" + back.Encode() + "#order-" + o.ID}
	if e != nil {
		body.Estimate = s.estimateView(o, *e)
	}
	return s.pageStatus(w, r, status, "return_new", "Request a return", body, notes...)
}

func (s *server) estimateView(o orders.Order, e returns.Estimate) *estimateView {
	v := &estimateView{
		Shown: money.New(e.Amount, e.Currency).Decimal(), Currency: e.Currency, Amount: amount(e.Amount, e.Currency),
		Methods: list(e.Methods),
	}
	for _, l := range e.Lines {
		bought, _ := o.Line(l.OrderLineID)
		v.Lines = append(v.Lines, amountLine{
			fmt.Sprintf("%d × %s", l.Units, bought.Name), amount(l.Refunded.Total(), e.Currency),
		})
	}
	for _, d := range e.Deductions {
		name := words(d.Rule)
		if d.Rule == returns.RuleCarried {
			name = carriedWords(d.Amount)
		}
		if bought, ok := o.Line(d.OrderLineID); ok {
			name += ", " + bought.Name
		}
		v.Deductions = append(v.Deductions, amountLine{name, amount(-d.Amount, e.Currency)})
	}
	if !e.RefundDue.IsZero() {
		v.Until = returns.LastDay(e.RefundDue, s.Zone).Words(returns.DayOf(s.Now(), s.Zone))
	}
	return v
}

// carriedWords names what a refund carries over to the next one, or joins from
// those before.
func carriedWords(minor int64) string {
	if minor < 0 {
		return "Carried over from an earlier refund"
	}
	return "Too small to pay by this method; added to your next refund"
}

// estimateOf is what the request of a form that was refused would refund; nil where the
// items or the reason are what is wrong with it.
func (s *server) estimateOf(r *http.Request, f url.Values) *returns.Estimate {
	e, err := s.estimate(r, f)
	if err != nil {
		return nil
	}
	return &e
}

// stepEstimate asks for the estimate of a form that is not to be executed yet.
const stepEstimate = "estimate"

// estimateAgain shows the estimate of a form that was corrected.
func (s *server) estimateAgain(w http.ResponseWriter, r *http.Request, f url.Values) error {
	e, err := s.estimate(r, f)
	if err != nil {
		return s.requestRefused(w, r, f, err)
	}
	return s.showNewReturn(w, r, http.StatusOK, requestFormOf(f), &e)
}
