package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/upload"
	"github.com/returnkit/returnkit/returns"
)

// staffCases is how many cases a page of the work list has.
const staffCases = 50

func (s *server) adminReturnRoutes() {
	s.staff("GET /admin/returns", s.workList)
	s.staff("GET /admin/returns/new", s.filingPage)
	s.staffPhotos("POST /admin/returns", s.fileReturn)
	s.staff("GET /admin/returns/{id}", s.adminCase)
	s.staff("POST /admin/returns/{id}/authorize", s.authorize)
	s.staff("POST /admin/returns/{id}/request-info", s.requestInfo)
	s.staff("POST /admin/returns/{id}/shipment", s.ship)
	s.staff("POST /admin/returns/{id}/receive", s.receive)
	s.staff("POST /admin/returns/{id}/inspection", s.inspect)
	s.staff("POST /admin/returns/{id}/override", s.override)
	s.staffOnce("POST /admin/returns/{id}/refund", s.refund)
	s.staff("POST /admin/returns/{id}/tasks/{task}/close", s.closeTask)
}

// workBody is the work list of staff.
type workBody struct {
	Cases  []caseView
	Total  int
	Pages  pager
	Tabs   []tab
	Status string // as the filter has it, empty for all
	Q      string
	Tasks  bool // only cases with an open task
}

// tab is a status with how many cases are in it, where that is something to
// act on.
type tab struct {
	Name, Href string
	Count      string
	Current    bool
}

func (s *server) workList(w http.ResponseWriter, r *http.Request) error {
	form := r.URL.Query()
	page, err := pageNumber(form)
	if err != nil {
		return err
	}
	body := workBody{Q: strings.TrimSpace(form.Get("q")), Tasks: form.Get("tasks") != ""}
	query := returns.Query{OpenTasks: body.Tasks, Page: page, PageSize: staffCases, CountUpTo: mostCounted}
	if text := form.Get("status"); text != "" && !strings.EqualFold(text, "all") {
		status, ok := statusOf(text)
		if !ok {
			return problem.Invalid(
				"status",
				fmt.Sprintf("There is no status %q. Choose one from the list.", clip(text)),
			)
		}
		query.Status, body.Status = []returns.Status{status}, statusWord(status)
	}
	if err := s.search(r, body.Q, &query); err != nil {
		return err
	}
	cases, total, err := s.Returns.Returns(r.Context(), query)
	if err != nil {
		return err
	}
	if body.Cases, err = s.caseViews(r, cases); err != nil {
		return err
	}
	counts, err := s.Returns.Counts(r.Context())
	if err != nil {
		return err
	}
	body.Total, body.Pages, body.Tabs = total, pages(r, page, staffCases, total), tabs(counts, body.Status)
	return s.page(w, r, "admin_returns", "All returns", body)
}

// search reads what staff look for: a customer's name, or else part of an RMA
// number or of a product's name.
func (s *server) search(r *http.Request, text string, q *returns.Query) error {
	if text == "" {
		return nil
	}
	u, err := s.Auth.UserByName(r.Context(), text)
	switch {
	case err == nil:
		q.CustomerID = u.ID
	case errors.Is(err, auth.ErrNotFound):
		q.Text = text
	default:
		return err
	}
	return nil
}

func statusOf(text string) (returns.Status, bool) {
	for _, s := range returns.Statuses() {
		if strings.EqualFold(string(s), text) {
			return s, true
		}
	}
	return "", false
}

func tabs(counts map[returns.Status]int, current string) []tab {
	out := []tab{{Name: "All", Href: "/admin/returns", Current: current == ""}}
	for _, s := range returns.Statuses() {
		word := statusWord(s)
		t := tab{
			Name:    caseState(s).Text,
			Href:    "/admin/returns?status=" + url.QueryEscape(word),
			Current: word == current,
		}
		if !s.Final() {
			t.Count = grouped(int64(counts[s]))
		}
		out = append(out, t)
	}
	return out
}

// filingBody is the form by which staff ask for a return for a customer.
type filingBody struct {
	Number   string // of the order, as it was typed
	Problem  string
	Found    *returnOrder
	Customer auth.User
	Rules    []string
}

func (s *server) filingPage(w http.ResponseWriter, r *http.Request) error {
	body := filingBody{Number: strings.TrimSpace(r.URL.Query().Get("order")), Rules: returns.Rules()}
	if body.Number == "" {
		return s.page(w, r, "admin_filing", "Create a return", body)
	}
	list, _, err := s.Orders.Orders(r.Context(), orders.Query{Text: body.Number, PageSize: 2})
	if err != nil {
		return err
	}
	for _, o := range list {
		if strings.EqualFold(o.Number, body.Number) || len(list) == 1 {
			return s.showFiling(w, r, http.StatusOK, o, requestForm{OrderID: o.ID})
		}
	}
	body.Problem = "No order has that number. Find it on the customer's receipt or under Orders."
	return s.pageStatus(w, r, http.StatusNotFound, "admin_filing", "Create a return", body)
}

func (s *server) showFiling(
	w http.ResponseWriter,
	r *http.Request,
	status int,
	o orders.Order,
	form requestForm,
	notes ...note,
) error {
	body := filingBody{Number: o.Number, Rules: returns.Rules()}
	found, err := s.returnOrders(r, []orders.Order{o}, form)
	if err != nil {
		return err
	}
	body.Found = &found[0]
	body.Found.Customer = o.CustomerID
	if body.Customer, err = s.Auth.User(r.Context(), o.CustomerID); err != nil {
		return err
	}
	return s.pageStatus(w, r, status, "admin_filing", "Create a return", body, notes...)
}

func (s *server) fileReturn(w http.ResponseWriter, r *http.Request) error {
	// The fields of an override come behind the photos: the request is judged
	// when all of it is there, and before a photo is decoded.
	in, err := s.takeIn(w, r, nil)
	defer func() { in.Close() }()
	if err != nil {
		return err
	}
	return s.onceTaken(w, in, func(w http.ResponseWriter, r *http.Request) error { return s.fileTaken(w, r, in) })
}

func (s *server) fileTaken(w http.ResponseWriter, r *http.Request, in *upload.Intake) error {
	form := requestFormOf(in.Form)
	o, err := s.Orders.Order(r.Context(), form.OrderID)
	if err != nil {
		return err
	}
	request, err := form.request()
	if err == nil {
		err = once(in.Form)
	}
	if err == nil {
		request.Photos, request.CustomerID = in.Photos, o.CustomerID
		if len(form.Rules) > 0 || strings.TrimSpace(form.OverrideReason) != "" {
			request.Override = &returns.Override{
				Rules:  form.Rules,
				Reason: form.OverrideReason,
				By:     actor(r),
				At:     s.Now(),
			}
		}
		var c returns.Return
		if c, err = s.Returns.Create(r.Context(), actor(r), request); err == nil {
			return s.redirect(w, r, "/admin/returns/"+c.ID, "The return is created.")
		}
	}
	p := problem.Of(err)
	if p.Internal {
		return err
	}
	form.refuse(p)
	return s.showFiling(w, r, p.Status, o, form, note{Tone: "bad", Text: p.Message})
}
