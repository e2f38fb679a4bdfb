package returns

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/purchase"
)

// CreateParams is a request for a return. An order, CustomerID, Reason and Items are
// required.
type CreateParams struct {
	OrderID    string // may be empty where Purchase is set
	CustomerID string // whose order it must be
	// Purchase is the order as the caller has read it already. nil: Config.Orders
	// reads it.
	Purchase *purchase.Purchase
	Reason   Reason        // one of Policy.Reasons
	Details  string        // at most 2000 characters
	Items    []RequestItem // by the ids of the order's lines
	Photos   []Upload
	Override *Override // staff only: rules to override, and why
	// Estimate, when not nil, is the amount in minor units that the customer was
	// shown, in Currency. Where the refund would be lower now the request is
	// CodePriceChanged; what an inspection may take off later is not part of it.
	Estimate *int64
	Currency money.Currency // of Estimate; empty: the order's
	// RMA imports a case from the system that was used before, under the number
	// it has there: the case is authorized at once. Not for customers. It must be
	// of another form than the numbers of this package (RMA-YYYYMMDD-NNNNN).
	RMA string
}

// Upload is a photo as it was sent. Nothing about it is trusted.
type Upload struct {
	Name string // file name, for messages only
	Body io.Reader
}

// Create files a return. The policy pinned to the order judges it under the
// lock of the order's units, so if two requests ask for the last unit, one is
// refused. Customers are held to the verdict: a refusal has the code of the
// first finding and carries the Verdict. Staff may override the policy with an
// Override that names each rule that failed.
func (s *Service) Create(ctx context.Context, by event.Actor, q CreateParams) (Return, error) {
	j, err := s.judge(ctx, by, q, nil)
	if err != nil {
		return Return{}, err
	}
	evidence, err := s.keep(ctx, account(by, q.CustomerID), j.files, j.now.At)
	if err != nil {
		return Return{}, err
	}
	id := s.cfg.NewID()
	lineIDs := make([]string, len(q.Items))
	for i := range lineIDs {
		lineIDs[i] = s.cfg.NewID()
	}
	r, err := s.create(ctx, j.order, func(claims Claims) (*Return, error) {
		v := Evaluate(j.terms, j.order, claims, j.ask, j.now.At)
		override, err := allow(v, q.Override)
		if err != nil {
			return nil, err
		}
		d := Params{
			ID: id, OrderID: j.order.OrderID, CustomerID: j.order.CustomerID, TermsID: j.terms.ID, Reason: q.Reason,
			Details:  q.Details,
			Evidence: evidence, Verdict: v, Override: override,
			Authorize: j.terms.Policy.AutoAuthorize && v.Eligible, RMA: q.RMA,
		}
		for i, item := range q.Items {
			bought, _ := j.order.Line(item.OrderLineID)
			d.Lines = append(d.Lines, Line{
				ID: lineIDs[i], OrderLineID: bought.ID, ProductID: bought.ProductID, Name: bought.Name,
				Category: bought.Category, Quantity: item.Quantity,
			})
		}
		return NewReturn(j.now, d)
	})
	if err != nil {
		return Return{}, s.refused(ctx, err, evidence)
	}
	s.cfg.Observer.Created(ctx, r)
	if r.Status == StatusAuthorized {
		s.cfg.Observer.StatusChanged(ctx, r, StatusPendingAuthorization, StatusAuthorized)
	}
	return r, nil
}

// Check reports what Create would refuse of q, whatever its photos are: it
// neither reads them nor records anything. A caller asks it before it takes
// photos in, which may be large; Create judges again.
func (s *Service) Check(ctx context.Context, by event.Actor, q CreateParams) error {
	q.Photos = nil
	_, err := s.judge(ctx, by, q, func(v *Verdict) {
		of := len(v.Findings)
		v.Findings = slices.DeleteFunc(v.Findings, func(f Finding) bool {
			return f.Code == PhotosRequired || f.Code == TooManyPhotos || f.Code == PhotoTypeNotAllowed
		})
		if of == 0 || len(v.Findings) > 0 {
			return
		}
		v.Eligible = !slices.ContainsFunc(v.Lines, func(l LineVerdict) bool { return !l.Eligible })
	})
	return err
}

// judged is a request that the policy lets pass before its photos are decoded.
type judged struct {
	order purchase.Purchase
	terms Terms
	ask   Request
	now   event.Stamp
	files []Upload
}

// judge holds a request against the policy, and the types of its photos by how
// they begin. What it refuses costs no decoding; the units that are left may
// be others by the time of the decision under the lock. soften may take
// findings out of the verdict; nil takes none.
func (s *Service) judge(ctx context.Context, by event.Actor, q CreateParams, soften func(*Verdict)) (judged, error) {
	j := judged{now: s.stamp(ctx, by), ask: Request{CustomerID: q.CustomerID, Reason: q.Reason, Items: q.Items}}
	if err := cmp.Or(q.check(by), s.checkInTx(q)); err != nil {
		return j, err
	}
	var err error
	if j.order, j.terms, err = s.orderAndTerms(ctx, q); err != nil {
		return j, err
	}
	if err := checkCount(j.terms, j.order, j.ask, q, j.now.At); err != nil {
		return j, err
	}
	if err := s.takesPhotos(len(q.Photos)); err != nil {
		return j, err
	}
	if j.ask.Photos, j.files, err = sniffed(q.Photos); err != nil {
		return j, err
	}
	claims, err := s.store.Claims(ctx, j.order.OrderID)
	if err != nil {
		return j, fmt.Errorf("returns: request for order %s: %w", j.order.OrderID, err)
	}
	v := Evaluate(j.terms, j.order, claims[j.order.OrderID], j.ask, j.now.At)
	if soften != nil {
		soften(&v)
	}
	var override *Override
	if !v.Eligible || q.Override != nil {
		if override, err = allow(v, q.Override); err != nil {
			return j, err
		}
	}
	return j, s.consented(ctx, j.order, j.terms, q, override, j.now)
}

// account is whose share of the memory the photos of a request take.
func account(by event.Actor, customerID string) string {
	if by.ID != "" {
		return by.ID
	}
	return customerID
}

// checkCount refuses more photos than the policy takes, or than an override
// can let pass, before any of them is read.
func checkCount(t Terms, o purchase.Purchase, ask Request, q CreateParams, at time.Time) error {
	n := len(q.Photos)
	if n <= t.Policy.MaxPhotos {
		return nil
	}
	// Their number is what is judged, so they stand as of a type that is taken.
	ask.Photos = slices.Repeat([]string{firstOf(t.Policy.PhotoTypes)}, n)
	if _, err := allow(Evaluate(t, o, nil, ask, at), q.Override); err != nil {
		return err
	}
	if n > maxPhotoCount {
		return tooManyPhotos(n, maxPhotoCount)
	}
	return nil
}

// ownRMA is the form of the numbers that stores give.
var ownRMA = regexp.MustCompile(`^RMA-[0-9]{8}-[0-9]+$`)

// check refuses what nobody may ask for, or not this actor.
func (q CreateParams) check(by event.Actor) error {
	customer := by.Kind == event.ActorCustomer
	switch {
	case q.Override != nil && customer:
		return &Error{Code: CodeForbidden, Field: "override", Message: "Only staff can override the policy."}
	case q.RMA != "" && customer:
		return &Error{
			Code: CodeForbidden, Field: "rma", Message: "Only staff can import a return under its RMA number.",
		}
	case ownRMA.MatchString(q.RMA):
		return &Error{Code: CodeInvalid, Field: "rma", Message: fmt.Sprintf(
			"%q is of the form of the numbers given here; import another.", clip(q.RMA))}
	}
	if err := checkText("rma", q.RMA, maxName); err != nil {
		return err
	}
	return checkText("details", q.Details, maxDetails)
}

// takesPhotos refuses photos where there is no place to keep them.
func (s *Service) takesPhotos(n int) error {
	if n > 0 && s.cfg.Evidence == nil {
		return &Error{
			Code: CodeEvidence, Field: "photos",
			Message: "This shop takes no photos. Describe the problem in words instead.",
		}
	}
	return nil
}

func tooManyPhotos(n, limit int) error {
	f := Finding{Code: TooManyPhotos, Fact: number(n), Limit: number(limit), Nearest: number(limit)}
	return &Error{Code: Code(f.Code), Field: "photos", Message: f.Message()}
}

// allow passes a verdict that is eligible, or whose every failed rule the
// override names; it returns the override where it was needed.
func allow(v Verdict, o *Override) (*Override, error) {
	if v.Eligible {
		if o == nil {
			return nil, nil
		}
		return o, o.validate() // nothing to set aside now, but fees may be waived
	}
	if o != nil {
		if err := o.validate(); err != nil {
			return nil, err
		}
		open := remaining(v, o.Rules)
		if len(open) == 0 {
			return o, nil
		}
		return nil, &Error{Code: Code(open[0].Code), Field: open[0].Line, Message: open[0].Message(), Verdict: &v}
	}
	f, _ := v.first()
	return nil, &Error{Code: Code(f.Code), Field: f.Line, Message: v.Message(), Verdict: &v}
}

// remaining are the findings that the rules do not name.
func remaining(v Verdict, rules []string) []Finding {
	named := map[string]bool{}
	for _, r := range rules {
		named[r] = true
	}
	var out []Finding
	add := func(findings []Finding) {
		for _, f := range findings {
			if !named[string(f.Code)] {
				out = append(out, f)
			}
		}
	}
	add(v.Findings)
	for _, l := range v.Lines {
		add(l.Findings)
	}
	return out
}
