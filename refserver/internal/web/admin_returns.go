package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/upload"
	"github.com/returnkit/returnkit/returns"
)

// staffCases is how many cases a page of the work list has.
const staffCases = 50

func (s *server) adminReturnRoutes() {
	e := s.Endpoints
	s.use("GET /admin/returns", endpoint.ListAllReturns, s.workList)
	s.staff("GET /admin/returns/new", s.filingPage)
	s.photos("POST /admin/returns", endpoint.FileReturn, s.fileReturn)
	s.use("GET /admin/returns/{id}", endpoint.ReadAnyReturn, s.adminCase)
	s.use("POST /admin/returns/{id}/authorize", endpoint.DecideReturn, act(s, s.decide))
	s.use("POST /admin/returns/{id}/request-info", endpoint.RequestInfo, act(s, message(e.RequestInfo)))
	s.use("POST /admin/returns/{id}/shipment", endpoint.ShipReturn, act(s, message(e.ShipReturn)))
	s.use("POST /admin/returns/{id}/receive", endpoint.ReceiveReturn, act(s, message(e.ReceiveReturn)))
	s.use("POST /admin/returns/{id}/inspection", endpoint.InspectReturn, act(s, s.inspect))
	s.use("POST /admin/returns/{id}/override", endpoint.OverridePolicy, act(s, message(e.OverridePolicy)))
	s.use("POST /admin/returns/{id}/refund", endpoint.RefundReturn, act(s, s.refund))
	s.use("POST /admin/returns/{id}/tasks/{task}/close", endpoint.CloseReturnTask, act(s, s.closeTask))
}

// workBody is the work list of staff.
type workBody struct {
	Cases  []caseView
	Total  int
	Pages  pager
	Tabs   []tab
	Status string // of the filter, empty for all
	Q      string
	Tasks  bool   // only cases with an open task
	Export string // address that exports all that match
}

// tab is a status with how many cases are in it, where that is something to
// act on.
type tab struct {
	Name, Href string
	Count      string
	Current    bool
}

func (s *server) workList(w http.ResponseWriter, r *http.Request) error {
	p := endpoint.ListParams{Size: staffCases}
	if err := input.Query(r.URL.Query(), &p); err != nil {
		return err
	}
	page, err := s.Endpoints.AllReturns(r.Context(), user(r), p)
	if err != nil {
		return err
	}
	body := workBody{
		Q:      p.Text,
		Tasks:  p.OpenTasks,
		Status: statusWord(page.Status),
		Total:  page.Total,
		Export: exportHref(r),
	}
	if body.Pages, err = pages(r, page.Page, staffCases, page.Total); err != nil {
		return err
	}
	if body.Cases, err = s.caseViews(r, page.Returns); err != nil {
		return err
	}
	counts, err := s.Returns.Counts(r.Context())
	if err != nil {
		return err
	}
	body.Tabs = tabs(counts, body.Status)
	return s.page(w, r, "admin_returns", "All returns", body)
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
	in, err := s.readPhotos(w, r, nil)
	defer func() { in.Close() }()
	if err != nil {
		return s.fileAgain(w, in, err)
	}
	return s.onceRead(w, in, func(w http.ResponseWriter, r *http.Request) error { return s.fileRead(w, r, in) })
}

// fileRead files a return for the customer whose order it is.
func (s *server) fileRead(w http.ResponseWriter, r *http.Request, in *upload.Intake) error {
	o, err := s.Endpoints.Order(r.Context(), user(r), requestFormOf(in.Form).OrderID)
	if err != nil {
		return err
	}
	photos, end, err := s.photosOf(in)
	defer end()
	if err != nil {
		return s.fileAgain(w, in, err)
	}
	p := endpoint.FilingParams{CustomerID: o.CustomerID}
	if p.ReturnParams, err = readRequest(in.Form); err == nil {
		p.Override, err = readOverride(in.Form)
	}
	if err == nil {
		var c endpoint.ReturnChange
		if c, err = s.Endpoints.FileReturn(r.Context(), user(r), p, photos); err == nil {
			s.unstage(in)
			return s.redirect(w, r, "/admin/returns/"+c.ID, c.Message)
		}
	}
	return s.fileAgain(w, in, err)
}

// fileAgain shows a return that staff could not file as it was filled in, with its photos kept.
func (s *server) fileAgain(w http.ResponseWriter, in *upload.Intake, err error) error {
	q, r := problem.Of(err), in.Request()
	if q.Internal {
		return err
	}
	o, notFound := s.Endpoints.Order(r.Context(), user(r), requestFormOf(in.Form).OrderID)
	if notFound != nil {
		return err
	}
	s.stage(in, err)
	form := requestFormOf(in.Form)
	form.refuse(q)
	refused(r, q, in.Form)
	return s.inPageTurn(w, r, func(w http.ResponseWriter) error {
		return s.showFiling(w, r, q.Status, o, form, notesOf(q)...)
	})
}

// readOverride reads which rules of the policy are overridden; nil for none.
func readOverride(f url.Values) (*endpoint.OverrideParams, error) {
	var form struct {
		Reason string   `json:"override_reason"`
		Rules  []string `json:"rules"`
	}
	if err := input.Form(f, &form); err != nil || form.Reason == "" && len(form.Rules) == 0 {
		return nil, err
	}
	return &endpoint.OverrideParams{Reason: form.Reason, Rules: form.Rules}, nil
}
