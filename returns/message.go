package returns

import (
	"fmt"
	"strings"
	"time"
)

// Reasons are the codes of all findings, each once, the findings about the whole case first.
func (v Verdict) Reasons() []NonReturnableReason {
	var out []NonReturnableReason
	add := func(findings []Finding) {
		for _, f := range findings {
			seen := false
			for _, c := range out {
				seen = seen || c == f.Code
			}
			if !seen {
				out = append(out, f.Code)
			}
		}
	}
	add(v.Findings)
	for _, l := range v.Lines {
		add(l.Findings)
	}
	return out
}

// first is the finding to name first, and whether there is one.
func (v Verdict) first() (Finding, bool) {
	if len(v.Findings) > 0 {
		return v.Findings[0], true
	}
	for _, l := range v.Lines {
		if len(l.Findings) > 0 {
			return l.Findings[0], true
		}
	}
	return Finding{}, false
}

// Message says in words what is wrong and what would change it, with days in
// the zone of the terms.
func (f Finding) Message() string { return f.messageIn(nil) }

// fixedMessages are those that need no fact of the finding.
var fixedMessages = map[NonReturnableReason]string{
	ReturnsDisabled:    "We don't accept returns at the moment. Contact us if something is wrong with your order.",
	NotYourOrder:       "This order belongs to another account. Sign in with the account that bought it.",
	PaymentNotCaptured: "The payment for this order has not arrived yet, so there is nothing to refund.",
	LineNotFound:       "The order has no such item. Choose items from the order's list.",
	DuplicateLine:      "The same item is listed more than once. List it once, with the total quantity.",
	NoLines:            "Choose at least one item and how many of it you want to return.",
}

// messageIn is Message with days in the reader's zone; nil means the zone of the terms.
// Words are made only here, from the facts of the finding.
func (f Finding) messageIn(zone *time.Location) string {
	if fixed, ok := fixedMessages[f.Code]; ok {
		return fixed
	}
	switch f.Code {
	case OrderNotCompleted:
		if f.Nearest.Any() == nil {
			return "This order was canceled, so there is nothing to return."
		}
		return "This order is not completed yet. Try again when it is."
	case WindowExpired:
		if zone == nil {
			zone = Policy{Zone: f.Zone}.zone()
		}
		return fmt.Sprintf("The return window of %s ended on %s.", count(f.Limit.Int, "day", "days"),
			LastDay(f.Deadline, zone).Words(DayOf(f.Fact.Time, zone)))
	case FinalSale:
		return fmt.Sprintf("%s was sold as final sale, which can't be returned.", f.Fact.Text)
	case ReasonNotAllowed:
		if f.Fact.Text == "" {
			return fmt.Sprintf("Choose a reason for the return: %s.", f.Limit.Text)
		}
		return fmt.Sprintf("%q is not a reason we accept. Choose one of: %s.", f.Fact.Text, f.Limit.Text)
	case PhotosRequired:
		return fmt.Sprintf("Add at least %s the problem.", count(f.Limit.Int, "photo that shows", "photos that show"))
	case TooManyPhotos:
		if f.Limit.Int == 0 {
			return "Photos can't be added to this request."
		}
		return fmt.Sprintf("There are %d photos. At most %d can be added.", f.Fact.Int, f.Limit.Int)
	case PhotoTypeNotAllowed:
		return fmt.Sprintf("One photo is a %s file. Photos can be %s.", f.Fact.Text, f.Limit.Text)
	}
	return f.quantityMessage()
}

// quantityMessage is the message of a finding about how many units are requested.
func (f Finding) quantityMessage() string {
	switch f.Code {
	case QuantityNotPositive:
		return fmt.Sprintf("The quantity is %d. It must be 1 or more.", f.Fact.Int)
	case QuantityOverPolicy:
		return fmt.Sprintf("The quantity is %d. At most %d of an item can be returned in one request.%s",
			f.Fact.Int, f.Limit.Int, f.upTo())
	case QuantityOverPurchased:
		return fmt.Sprintf("The quantity is %d, but only %s bought.%s",
			f.Fact.Int, count(f.Limit.Int, "was", "were"), f.upTo())
	case AlreadyReturned:
		if f.Nearest.Any() == nil {
			return "All units of this item are in a return already."
		}
		return fmt.Sprintf("%d of %d units of this item are in a return already.%s", f.Fact.Int, f.Limit.Int, f.upTo())
	}
	return "This can't be returned."
}

func (f Finding) upTo() string {
	if f.Nearest.Any() == nil {
		return ""
	}
	return fmt.Sprintf(" You can return up to %d.", f.Nearest.Int)
}

func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Message says all findings in words, each once.
func (v Verdict) Message() string {
	var words []string
	add := func(findings []Finding) {
		for _, f := range findings {
			m := f.Message()
			if len(words) == 0 || words[len(words)-1] != m {
				words = append(words, m)
			}
		}
	}
	add(v.Findings)
	for _, l := range v.Lines {
		add(l.Findings)
	}
	return strings.Join(words, " ")
}
