package web

import (
	"context"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/returns"
)

func (s *server) sendBackRoutes() {
	s.member("GET /returns/{id}/slip", s.slip)
	s.member("POST /returns/{id}/shipment", s.shipOwn)
}

// sendBack is how a customer sends the items of an authorized return.
type sendBack struct {
	Address []string // lines; none where the shop names no address
	By      string   // the last day to ship, in words
}

// sendBack returns nil where nothing is to be sent now.
func (s *server) sendBack(ctx context.Context, c returns.Return, zone *time.Location) (*sendBack, error) {
	if c.Status != returns.StatusAuthorized {
		return nil, nil
	}
	events, err := s.Returns.Events(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	kit := &sendBack{Address: addressLines(s.ReturnAddress)}
	for _, e := range events {
		if e.Type == returns.EventAuthorized && s.ShipWithinDays > 0 {
			kit.By = daysAfter(returns.DayOf(e.At, zone), s.ShipWithinDays).Words(returns.DayOf(s.Now(), zone))
		}
	}
	return kit, nil
}

// daysAfter is the day n days after another.
func daysAfter(day returns.Day, n int) returns.Day {
	for range n {
		day = day.Next()
	}
	return day
}

// customerActor is the reader as the customer of a return, whatever else their role is.
func customerActor(r *http.Request) event.Actor {
	u := user(r)
	return event.Actor{Kind: event.ActorCustomer, ID: u.ID, Name: u.Username}
}

// addressLines are the lines of an address, with commas between them in the setting.
func addressLines(text string) []string {
	var lines []string
	for _, line := range strings.Split(text, ",") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// zoneOf is the zone of the days of a return.
func (s *server) zoneOf(p returns.Policy) *time.Location {
	if zone, err := time.LoadLocation(p.Zone); err == nil && p.Zone != "" {
		return zone
	}
	return s.Zone
}

// slipBody is the slip that is put into the parcel.
type slipBody struct {
	Case    caseView
	Kit     sendBack
	BarCode template.HTML
}

// slip is a page to print: who sends it, what it holds, and the RMA number for a scanner.
func (s *server) slip(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Returns.Return(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if u := user(r); c.CustomerID != u.ID && !u.IsAdmin() {
		return returns.ErrNotFound
	}
	if c.RMA == "" {
		return problem.New(http.StatusConflict, "NOT_AUTHORIZED",
			"This return has no RMA number yet. You can print the slip when it is authorized.")
	}
	views, err := s.caseViews(r, []returns.Return{c})
	if err != nil {
		return err
	}
	body := slipBody{Case: views[0], Kit: sendBack{Address: addressLines(s.ReturnAddress)}}
	if body.BarCode, err = barCode(c.RMA); err != nil {
		return err
	}
	return s.page(w, r, "slip", "Return slip "+c.RMA, body)
}

// shipOwn takes carrier and tracking number from the customer.
func (s *server) shipOwn(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Endpoints.Return(r.Context(), user(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	p := endpoint.ShipmentParams{
		Carrier:        strings.TrimSpace(r.PostForm.Get("carrier")),
		TrackingNumber: strings.TrimSpace(r.PostForm.Get("tracking_number")),
	}
	err = input.Check(p)
	if err == nil {
		d := returns.ReverseShipment{Carrier: p.Carrier, TrackingNumber: p.TrackingNumber}
		_, err = s.Returns.Ship(r.Context(), c.ID, customerActor(r), d)
	}
	if err != nil {
		p := problem.Of(err)
		if p.Internal {
			return err
		}
		refused(r, p, nil)
		return s.showCase(w, r, p.Status, c, nil, note{Tone: "bad", Text: p.Message})
	}
	return s.redirect(w, r, "/returns/"+c.ID, "Thank you. We will tell you here when the parcel arrives.")
}
