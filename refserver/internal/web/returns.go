package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/returns"
)

// ownCases is how many of their cases a customer sees on one page.
const ownCases = 20

func (s *server) returnRoutes() {
	s.use("GET /returns", endpoint.ListReturns, s.returnsPage)
	s.photos("POST /returns/request", endpoint.RequestReturn, s.requestReturn)
	s.use("GET /returns/{id}", endpoint.ReadReturn, s.casePage)
	s.photos("POST /returns/{id}/info", endpoint.ProvideInfo, s.provideInfo)
	s.use("POST /returns/{id}/cancel", endpoint.CancelReturn, s.cancelReturn)
	s.use("GET /returns/{id}/photos/{photo}", endpoint.ReadPhoto, s.photo)
}

// returnsBody is what a customer can send back, and what is on its way back.
type returnsBody struct {
	Orders     []returnOrder
	OrderPages pager
	Cases      []caseView
	CasePages  pager
	Total      int    // cases, over all pages
	Credit     string // in words, of each currency; empty: none
	Off        string // why no return can be requested at the moment; empty where one can
	Currency   money.Currency
}

// returnOrder is an order with the form to ask for its return.
type returnOrder struct {
	orders.Order
	Lines   []returnLine
	Units   int  // that can come back now
	Open    bool // shown unfolded
	Reasons []returns.Reason
	Policy  returns.Policy
	// PhotosOff says that there is no file field because photos are switched off.
	PhotosOff bool
	Accept    string // for the file field
	Form      requestForm
	Kept      []stagedPhoto // photos that were sent with the form before
	Customer  string        // id of the customer when staff file; else empty
	Key       string        // under which the form is executed once
}

// returnLine is a line of an order, with what can come back, until when, and
// why not.
type returnLine struct {
	orders.Line
	Returnable int
	Until      string // the last day, in words; empty where there is none
	Findings   []returns.Finding
}

// PhotoHint says how many photos a request takes.
func (o returnOrder) PhotoHint() string {
	p := o.Policy
	if p.PhotosRequired == 0 {
		return fmt.Sprintf("Up to %d, 10 MB each.", p.MaxPhotos)
	}
	least := fmt.Sprintf("At least %d", p.PhotosRequired)
	if len(p.PhotosRequiredFor) > 0 {
		least += " for " + list(p.PhotosRequiredFor)
	}
	return fmt.Sprintf("%s, maximum %d, 10 MB each.", least, p.MaxPhotos)
}

// list is codes in words with commas between them.
func list[T ~string](codes []T) string {
	out := make([]string, len(codes))
	for i, c := range codes {
		out[i] = strings.ToLower(words(c))
	}
	return strings.Join(out, ", ")
}

// Note says how many units were bought and how many can be returned until when.
func (l returnLine) Note() string {
	note := fmt.Sprintf("%d bought", l.Quantity)
	if l.Returnable == 0 {
		return note
	}
	note += fmt.Sprintf(", %d can be returned", l.Returnable)
	if l.Until != "" {
		note += " until " + l.Until
	}
	return note
}

func (s *server) returnsPage(w http.ResponseWriter, r *http.Request) error {
	form := requestFormOf(r.URL.Query()) // what was chosen before, on the way back from the estimate
	return s.showReturns(w, r, http.StatusOK, form)
}

// showReturns renders the page; form is one that was refused, or empty.
func (s *server) showReturns(
	w http.ResponseWriter,
	r *http.Request,
	status int,
	form requestForm,
	notes ...note,
) error {
	// The address of a refused form has no pages; they begin at the first.
	orderPage, err := pageIn(r, "page")
	if err != nil {
		return err
	}
	casePage, err := pageIn(r, "cases")
	if err != nil {
		return err
	}
	ctx, me := r.Context(), user(r).ID
	query := orders.Query{
		CustomerID: me,
		Status:     []orders.Status{orders.StatusCompleted},
		Page:       orderPage,
		PageSize:   s.PageSize,
	}
	list, total, err := s.Orders.Orders(ctx, query)
	if err != nil {
		return err
	}
	if form.OrderID != "" && !hasOrder(list, form.OrderID) {
		if o, err := s.Orders.Order(ctx, form.OrderID); err == nil && o.CustomerID == me {
			list = append([]orders.Order{o}, list...)
		}
	}
	body := returnsBody{Currency: s.Currency, Off: s.Endpoints.Off(feature.Returns, me)}
	if body.OrderPages, err = pagesAt(r, "/returns", "page", orderPage, s.PageSize, total); err != nil {
		return err
	}
	if body.Orders, err = s.returnOrders(r, list, form); err != nil {
		return err
	}
	if body.Off != "" {
		body.Orders, body.OrderPages = nil, pager{}
	}
	own := endpoint.ListParams{Paging: endpoint.Paging{Number: &casePage}, Size: ownCases, Uncounted: true}
	cases, err := s.Endpoints.Returns(ctx, user(r), own)
	if err != nil {
		return err
	}
	body.Total = cases.Total
	if body.CasePages, err = pagesAt(r, "/returns", "cases", casePage, ownCases, cases.Total); err != nil {
		return err
	}
	if body.Cases, err = s.caseViews(r, cases.Returns); err != nil {
		return err
	}
	if body.Credit, err = s.creditWords(r); err != nil {
		return err
	}
	return s.pageStatus(w, r, status, "returns", "Returns", body, notes...)
}

func hasOrder(list []orders.Order, id string) bool {
	for _, o := range list {
		if o.ID == id {
			return true
		}
	}
	return false
}

// returnOrders says of each order what can come back, and unfolds the one of
// the form, or else the first that has anything.
func (s *server) returnOrders(r *http.Request, list []orders.Order, form requestForm) ([]returnOrder, error) {
	found, err := s.Returns.Returnable(r.Context(), orders.Purchases(list)...)
	if err != nil {
		return nil, err
	}
	terms := map[string]returns.Terms{}
	out := make([]returnOrder, 0, len(list))
	opened := form.OrderID != ""
	for _, o := range list {
		t, ok := terms[o.TermsID]
		if !ok {
			if t, err = s.Endpoints.TermsOf(r.Context(), o.TermsID); err != nil {
				return nil, err
			}
			terms[o.TermsID] = t
		}
		v := returnOrder{
			Order:   o,
			Key:     newKey(),
			Policy:  t.Policy,
			Reasons: t.Policy.Reasons,
			Accept:  accept(t.Policy.PhotoTypes),
		}
		if s.Endpoints.Off(feature.Photos, user(r).ID) != "" {
			v.Policy.MaxPhotos, v.PhotosOff = 0, true
		}
		if len(v.Reasons) == 0 {
			v.Reasons = returns.AllReasons()
		}
		verdicts := map[string]returns.LineVerdict{}
		for _, l := range found[o.ID] {
			verdicts[l.OrderLineID] = l
		}
		for _, l := range o.Lines {
			verdict := verdicts[l.ID]
			line := returnLine{Line: l, Returnable: verdict.Returnable, Findings: verdict.Findings}
			if !verdict.Deadline.IsZero() {
				line.Until = returns.LastDay(verdict.Deadline, s.Zone).Words(returns.DayOf(s.Now(), s.Zone))
			}
			v.Lines = append(v.Lines, line)
			v.Units += verdict.Returnable
		}
		switch {
		case o.ID == form.OrderID:
			v.Open, v.Form, v.Kept = true, form, s.keptPhotos(r, form.Staged)
		case !opened && v.Units > 0:
			v.Open, opened = true, true
		}
		out = append(out, v)
	}
	return out, nil
}

// accept is the value of a file field that takes these types of image.
func accept(types []string) string {
	out := make([]string, len(types))
	for i, t := range types {
		out[i] = "image/" + t
	}
	return strings.Join(out, ",")
}

// ownCaseBody is one case as its customer sees it.
type ownCaseBody struct {
	Case    caseView
	Events  []entry
	Accept  string
	Photos  int // that can still be added
	Details string
	Kept    []stagedPhoto // photos that were sent with the answer before
	Unkept  bool          // some were sent that are not kept
	Key     string        // under which the form is executed once
	Kit     *sendBack     // nil: nothing is to be sent now
	Form    url.Values    // what was typed into a form that was refused
	Rests   []restView
}

func (s *server) casePage(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Endpoints.Return(r.Context(), user(r), r.PathValue("id"))
	if errors.Is(err, returns.ErrNotFound) && user(r).IsStaff() {
		return s.redirect(w, r, "/admin/returns/"+r.PathValue("id"), "")
	}
	if err != nil {
		return err
	}
	return s.showCase(w, r, http.StatusOK, c, nil)
}

func (s *server) showCase(
	w http.ResponseWriter,
	r *http.Request,
	status int,
	c returns.Return,
	answer url.Values, // to a request for information, that was refused
	notes ...note,
) error {
	views, err := s.caseViews(r, []returns.Return{c})
	if err != nil {
		return err
	}
	terms, err := s.Endpoints.TermsOf(r.Context(), c.TermsID)
	if err != nil {
		return err
	}
	body := ownCaseBody{
		Case: views[0], Key: newKey(), Accept: accept(terms.Policy.PhotoTypes),
		Details: answer.Get("details"), Kept: s.keptPhotos(r, answer[stagedField]), Unkept: answer.Has(unkeptField),
		Photos: max(0, terms.Policy.MaxPhotos-len(c.Evidence)),
	}
	if s.Endpoints.Off(feature.Photos, c.CustomerID) != "" {
		body.Photos = 0
	}
	body.Form = r.PostForm
	if body.Kit, err = s.sendBack(r.Context(), c, s.zoneOf(terms.Policy)); err != nil {
		return err
	}
	if body.Events, err = s.timeline(r, views[0], false); err != nil {
		return err
	}
	if body.Rests, err = s.restsOf(r.Context(), c.OrderID); err != nil {
		return err
	}
	return s.pageStatus(w, r, status, "return", views[0].Name(), body, notes...)
}

func (s *server) provideInfo(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Endpoints.Return(r.Context(), user(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	in, err := s.readPhotos(w, r, s.unlessKnown(r, func(url.Values) error {
		return s.Endpoints.CheckInfo(r.Context(), user(r), c.ID)
	}))
	defer func() { in.Close() }()
	if err != nil {
		s.stage(in, err)
		return s.caseRefused(w, in.Request(), c, in.Form, err)
	}
	return s.onceRead(w, in, func(w http.ResponseWriter, r *http.Request) error {
		var p endpoint.InfoParams
		photos, end, err := s.photosOf(in)
		defer end()
		if err == nil {
			err = input.Form(in.Form, &p)
		}
		if err == nil {
			var done endpoint.ReturnChange
			if done, err = s.Endpoints.ProvideInfo(r.Context(), user(r), c.ID, p, photos); err == nil {
				s.unstage(in)
				return s.redirect(w, r, "/returns", done.Message)
			}
		}
		s.stage(in, err)
		return s.caseRefused(w, r, c, in.Form, err)
	})
}

// caseRefused shows a case again with what is wrong, and what was typed.
func (s *server) caseRefused(
	w http.ResponseWriter,
	r *http.Request,
	c returns.Return,
	answer url.Values,
	err error,
) error {
	p := problem.Of(err)
	if p.Internal {
		return err
	}
	p.SetRetryAfter(w.Header())
	refused(r, p, nil)
	return s.inPageTurn(w, r, func(w http.ResponseWriter) error {
		return s.showCase(w, r, p.Status, c, answer, notesOf(p)...)
	})
}

func (s *server) cancelReturn(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Endpoints.Return(r.Context(), user(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	done, err := s.Endpoints.CancelReturn(r.Context(), user(r), c.ID)
	if err != nil {
		return s.caseRefused(w, r, c, nil, err)
	}
	return s.redirect(w, r, "/returns", done.Message)
}
