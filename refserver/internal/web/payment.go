package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders"
)

// payView is what an order that waits to be paid on the provider's page says.
type payView struct {
	URL     string    // where its owner pays; empty: nowhere now, or the reader is not the owner
	Until   time.Time // until when the page takes the payment
	Amount  string
	Check   string // where the payment is looked up
	Unclear bool   // whether it is paid could not be read
	Opening bool   // the page is not open yet
	Refresh bool   // the page reloads itself
}

// payOf is how an order that waits to be paid on the provider's page is paid; nil
// for any other.
func (s *server) payOf(o orders.Order, own bool) *payView {
	p := o.Payment
	if !p.OnPage() || o.Status == orders.StatusCompleted || o.Status == orders.StatusCanceled {
		return nil
	}
	v := &payView{Until: p.Page.ExpiresAt, Amount: amount(p.Amount, o.Currency), Check: paymentPath(o)}
	if !own {
		return v
	}
	v.Opening = p.Page.ProviderID == ""
	if v.Unclear = !v.Opening && (p.Work.LastError != "" || o.PayAt(s.Now()) == ""); !v.Unclear {
		v.URL = o.PayAt(s.Now())
	}
	v.Refresh = v.URL == ""
	return v
}

func paymentPath(o orders.Order) string { return "/orders/" + o.ID + "/payment" }

// toPage leads a customer to the provider's page where the order waits to be paid
// there. A browser follows only to where the page's policy allows; a page that is
// elsewhere, or is not open yet, is linked from the page of the order.
func (s *server) toPage(w http.ResponseWriter, r *http.Request, o orders.Order) bool {
	pay := s.payOf(o, true)
	if pay == nil {
		return false
	}
	to := "/orders/" + o.ID
	if strings.HasPrefix(pay.URL, s.CardPage+"/") {
		to = pay.URL
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return true
}

// checkPayment is where the provider sends a customer back to, paid or not. It looks
// the payment up and leads to the page of the order, which says how it stands.
func (s *server) checkPayment(w http.ResponseWriter, r *http.Request) error {
	o, err := s.Endpoints.CheckPayment(r.Context(), user(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/orders/"+o.ID, http.StatusSeeOther)
	return nil
}
