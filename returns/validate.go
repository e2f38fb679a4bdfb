package returns

import (
	"fmt"
	"slices"
	"strings"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// Limits of what a policy may say.
const (
	maxWindowDays = 36500
	maxUnits      = 1_000_000
	maxPhotoCount = 100
	maxRules      = 200
	maxHolidays   = 1000
)

// ImageTypes are the types of photo there are.
func ImageTypes() []string { return []string{"jpeg", "png", "gif", "webp"} }

// refuse is how a field is refused, as CodeInvalid.
type refuse func(field, format string, args ...any) error

// Validate reports the first field that is wrong, as CodeInvalid.
func (p Policy) Validate() error {
	bad := func(field, format string, args ...any) error {
		return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
	}
	for _, validate := range []func(refuse) error{
		p.validateCalendar, p.validateWindows, p.validateRequests, p.validatePhotos, p.validateMoney,
	} {
		if err := validate(bad); err != nil {
			return err
		}
	}
	return nil
}

func (p Policy) validateWindows(bad refuse) error {
	if n := max(len(p.Windows), len(p.RestockingFees), len(p.ReturnShippingFees)); n > maxRules {
		return bad("rules", "There are %d rules of one kind; at most %d are allowed.", n, maxRules)
	}
	for i, w := range p.Windows {
		field := fmt.Sprintf("windows[%d]", i)
		switch {
		case w.Days < 0 || w.Days > maxWindowDays:
			return bad(field+".days", "It is %d days; 0 to %d are allowed.", w.Days, maxWindowDays)
		case w.Category == "" && w.Reason == "":
			return bad(field, "It names neither a category nor a reason; window_days is the rule for all.")
		case w.Reason != "" && !slices.Contains(allReasons, w.Reason):
			return bad(field+".reason", "%q is not a reason; one of %s.", w.Reason, join(allReasons))
		}
		if err := checkText(field+".category", w.Category, maxName); err != nil {
			return err
		}
		for _, other := range p.Windows[:i] {
			if strings.EqualFold(other.Category, w.Category) && other.Reason == w.Reason {
				return bad(field, "There is a window for this category and reason already.")
			}
		}
	}
	return nil
}

func (p Policy) validateRequests(bad refuse) error {
	if p.MaxQuantity < 1 || p.MaxQuantity > maxUnits {
		return bad("max_quantity", "It is %d units; 1 to %d are allowed.", p.MaxQuantity, maxUnits)
	}
	for _, list := range []struct {
		field string
		r     []Reason
	}{{"reasons", p.Reasons}, {"photos_required_for", p.PhotosRequiredFor}} {
		for _, r := range list.r {
			if !slices.Contains(allReasons, r) {
				return bad(list.field, "%q is not a reason; one of %s.", r, join(allReasons))
			}
		}
	}
	return nil
}

func (p Policy) validatePhotos(bad refuse) error {
	if p.MaxPhotos < 0 || p.MaxPhotos > maxPhotoCount {
		return bad("max_photos", "It is %d photos; 0 to %d are allowed.", p.MaxPhotos, maxPhotoCount)
	}
	if p.PhotosRequired < 0 || p.PhotosRequired > p.MaxPhotos {
		return bad("photos_required", "It is %d photos; 0 to max_photos (%d) are allowed.",
			p.PhotosRequired, p.MaxPhotos)
	}
	for _, t := range p.PhotoTypes {
		if !slices.Contains(ImageTypes(), t) {
			return bad("photo_types", "%q is not an image type; one of %s.", t, join(ImageTypes()))
		}
	}
	if p.MaxPhotos > 0 && len(p.PhotoTypes) == 0 {
		return bad("photo_types", "There is none; name at least one of %s.", join(ImageTypes()))
	}
	return nil
}

func (p Policy) validateCalendar(bad refuse) error {
	if p.WindowDays < 0 || p.WindowDays > maxWindowDays {
		return bad("window_days", "It is %d days; 0 to %d are allowed.", p.WindowDays, maxWindowDays)
	}
	if !slices.Contains([]WindowStart{"", FromPurchase, FromDelivery, FromDeliveryOrPurchase}, p.Start) {
		return bad("start", "%q is not a start of the window; one of %s, %s, %s.", clip(string(p.Start)),
			FromPurchase, FromDelivery, FromDeliveryOrPurchase)
	}
	if _, err := location(p.Zone); err != nil {
		return err
	}
	if len(p.Holidays) > maxHolidays {
		return bad("holidays", "There are %d days; at most %d are allowed.", len(p.Holidays), maxHolidays)
	}
	seen := map[Day]bool{}
	for i, h := range p.Holidays {
		field := fmt.Sprintf("holidays[%d]", i)
		if h.Day.IsZero() || seen[h.Day] || h.Day.add(0) != h.Day {
			return bad(field+".day", "It is %q; each is a day such as 2026-12-25, named once.", h.Day)
		}
		seen[h.Day] = true
		if err := checkText(field+".name", h.Name, maxName); err != nil {
			return err
		}
	}
	if p.RefundWithinDays < 0 || p.RefundWithinDays > maxWindowDays {
		return bad("refund_within_days", "It is %d days; 0 to %d are allowed.", p.RefundWithinDays, maxWindowDays)
	}
	return nil
}

func (p Policy) validateMoney(bad refuse) error {
	if c, err := money.ParseCurrency(string(p.Currency)); err != nil || c != p.Currency {
		return bad("currency", "%q is not an ISO 4217 code in upper case, such as USD.", p.Currency)
	}
	for _, list := range []struct {
		field string
		fees  []FeeRule
	}{{"restocking_fees", p.RestockingFees}, {"return_shipping_fees", p.ReturnShippingFees}} {
		for i, f := range list.fees {
			if err := f.validate(fmt.Sprintf("%s[%d]", list.field, i), bad); err != nil {
				return err
			}
		}
	}
	for _, m := range p.Methods {
		if !slices.Contains(methods, m) {
			return bad("methods", "%q is not a method; one of %s.", m, join(methods))
		}
	}
	if !slices.Contains([]Status{"", StatusApproved, StatusReceived, StatusAuthorized}, p.RefundFrom) {
		return bad(
			"refund_from",
			"%q is not a status to refund from; one of approved, received, authorized.",
			p.RefundFrom,
		)
	}
	if p.Split != "" && !slices.Contains(refunds.SplitRules(), p.Split) {
		return bad("split", "%q is not a rule; one of %s.", clip(string(p.Split)), join(refunds.SplitRules()))
	}
	if p.RestockAt != RestockAtRefund && p.RestockAt != RestockAtInspection {
		return bad("restock_at", "%q is not a restock point; one of refund, inspection.", p.RestockAt)
	}
	return nil
}

func (f FeeRule) validate(field string, bad refuse) error {
	switch {
	case f.Reason != "" && !slices.Contains(allReasons, f.Reason):
		return bad(field+".reason", "%q is not a reason; one of %s.", f.Reason, join(allReasons))
	case f.Condition != "" && !slices.Contains(AllConditions(), f.Condition):
		return bad(field+".condition", "%q is not a condition; one of %s.", f.Condition, join(AllConditions()))
	case f.PercentBP < 0 || f.PercentBP > 10000:
		return bad(field+".percent_bp", "It is %d basis points; 0 to 10000 are allowed.", f.PercentBP)
	case f.Fixed < 0:
		return bad(field+".fixed", "It is %d minor units; 0 or more are allowed.", f.Fixed)
	}
	return nil
}

var methods = []payment.Method{payment.Card, payment.Cash, payment.StoreCredit, payment.OriginalMethod}

// AllConditions are the conditions there are.
func AllConditions() []Condition {
	return []Condition{ConditionNew, ConditionOpened, ConditionUsed, ConditionDamaged, ConditionDefective}
}
