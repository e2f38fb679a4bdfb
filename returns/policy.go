package returns

import (
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// Terms is a published version of a policy. It is pinned to an order at
// purchase and never changed or deleted, so that publishing the next version
// changes no existing order.
type Terms struct {
	ID          string // UUIDv7; the TermsID of an order
	Version     int    // 1 for the first, without gaps
	Policy      Policy
	PublishedAt time.Time
	PublishedBy event.Actor
	Note        string // why it was published
}

// Check refuses a text that no database keeps as CodeInvalid, with its field. Each store asks
// it before it publishes; the policy itself is for Policy.Validate.
func (t Terms) Check() error { return checkTexts(&t) }

// Policy is the rules of returning, as data.
type Policy struct {
	// Enabled is whether the shop accepts returns at all.
	Enabled bool `json:"enabled"`
	// WindowDays is how many days something may be returned. The day on which
	// the window starts is not counted, and the last day counts to its end (24:00)
	// in Zone: with 0 it is the day of the start. 0 or more.
	WindowDays int `json:"window_days"`
	// Start is what the window counts from; empty means FromDeliveryOrPurchase.
	Start WindowStart `json:"start,omitempty"`
	// Zone is the time zone, by its IANA name, in which days are counted, such
	// as Europe/Berlin. Empty means UTC; PublishTerms fills in Config.Zone.
	Zone string `json:"zone,omitempty"`
	// WorkingDayEnd has a period that would end on a Saturday, a Sunday or one
	// of the Holidays end with the next working day.
	WorkingDayEnd bool      `json:"working_day_end,omitempty"`
	Holidays      []Holiday `json:"holidays,omitempty"`
	// RefundWithinDays is the shop's promise: the refund is paid at most this
	// many days after the request. 0 promises nothing.
	RefundWithinDays int `json:"refund_within_days,omitempty"`
	// Windows are exceptions by category and reason; the most specific one
	// that matches counts (both, then reason, then category).
	Windows []Window `json:"windows,omitempty"`
	// FinalSale is whether lines sold as final sale are refused.
	FinalSale bool `json:"final_sale"`
	// MaxQuantity is the largest quantity per line in one request, 1 or more.
	MaxQuantity int `json:"max_quantity"`
	// Reasons that may be given; empty means all.
	Reasons []Reason `json:"reasons,omitempty"`
	// PhotosRequired is the least number of photos, 0 for none.
	PhotosRequired int `json:"photos_required"`
	// PhotosRequiredFor limits that to some reasons; empty means all.
	PhotosRequiredFor []Reason `json:"photos_required_for,omitempty"`
	// MaxPhotos is the largest number of photos of a case.
	MaxPhotos int `json:"max_photos"`
	// PhotoTypes are the image types taken: jpeg, png, gif, webp.
	PhotoTypes []string `json:"photo_types"`
	// RestockingFees and ReturnShippingFees: the first rule that matches
	// counts for a line (restocking) or for the case (return shipping).
	RestockingFees     []FeeRule `json:"restocking_fees,omitempty"`
	ReturnShippingFees []FeeRule `json:"return_shipping_fees,omitempty"`
	// Methods a refund may be paid by; empty means all.
	Methods []payment.Method `json:"methods,omitempty"`
	// Split says how a refund is split over the payments of an order that several
	// paid; empty means refunds.SplitProportional.
	Split refunds.SplitRule `json:"split,omitempty"`
	// RefundFrom is the first status from which a refund may be paid without
	// an override: approved (the default when empty), received or authorized.
	RefundFrom Status `json:"refund_from,omitempty"`
	// RestockAt says when accepted units go back on the shelf. Required.
	RestockAt RestockPoint `json:"restock_at"`
	// AutoAuthorize authorizes an eligible request at once.
	AutoAuthorize bool `json:"auto_authorize"`
	// Currency of the fixed fees; see FeeRule.Fixed. Required, also where there are none.
	Currency money.Currency `json:"currency"`
}

// Clone returns a copy that shares nothing with p.
func (p Policy) Clone() Policy {
	p.Windows = slices.Clone(p.Windows)
	p.Holidays = slices.Clone(p.Holidays)
	p.Reasons = slices.Clone(p.Reasons)
	p.PhotosRequiredFor = slices.Clone(p.PhotosRequiredFor)
	p.PhotoTypes = slices.Clone(p.PhotoTypes)
	p.RestockingFees = slices.Clone(p.RestockingFees)
	p.ReturnShippingFees = slices.Clone(p.ReturnShippingFees)
	p.Methods = slices.Clone(p.Methods)
	return p
}

// Window is an exception to Policy.WindowDays. Empty fields match all.
type Window struct {
	Category string `json:"category,omitempty"`
	Reason   Reason `json:"reason,omitempty"`
	Days     int    `json:"days"`
}

// FeeRule is a fee for some reasons or conditions. Empty fields match all.
type FeeRule struct {
	Reason    Reason    `json:"reason,omitempty"`
	Condition Condition `json:"condition,omitempty"`
	PercentBP int       `json:"percent_bp,omitempty"` // basis points, 0 to 10000
	// Fixed is in minor units of Policy.Currency, 0 or more. It is not taken off a refund in another
	// currency, where the same number would be another amount.
	Fixed int64 `json:"fixed,omitempty"`
}

// RestockPoint is when accepted units with disposition restock go back.
type RestockPoint string

// The restock points. AtRefund means on becoming refunded.
const (
	RestockAtRefund     RestockPoint = "refund"
	RestockAtInspection RestockPoint = "inspection"
)
