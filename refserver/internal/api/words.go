package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/returns"
)

// The words that a field may hold. They are read in any case.
var (
	reasons = []returns.Reason{
		returns.ReasonDamaged,
		returns.ReasonWrongItem,
		returns.ReasonNotAsDescribed,
		returns.ReasonOther,
	}
	results = []returns.InspectionResult{
		returns.InspectionApproved,
		returns.InspectionPartiallyApproved,
		returns.InspectionRejected,
	}
	conditions = []returns.Condition{
		returns.ConditionNew,
		returns.ConditionOpened,
		returns.ConditionUsed,
		returns.ConditionDamaged,
		returns.ConditionDefective,
	}
	dispositions = []returns.Disposition{
		returns.Restock,
		returns.Quarantine,
		returns.Refurbish,
		returns.Scrap,
		returns.ReturnToCustomer,
		returns.Missing,
	}
	methods  = []payment.Method{payment.Card, payment.Cash, payment.StoreCredit, payment.OriginalMethod}
	statuses = []returns.Status{
		returns.StatusPendingCustomerInfo, returns.StatusPendingAuthorization, returns.StatusAuthorized, returns.StatusInTransit,
		returns.StatusReceived, returns.StatusUnderInspection, returns.StatusApproved, returns.StatusRefunded,
		returns.StatusRejected, returns.StatusCanceled,
	}
	// rules are what an override may set aside.
	rules = []returns.NonReturnableReason{
		returns.ReturnsDisabled, returns.WindowExpired, returns.FinalSale, returns.QuantityOverPolicy, returns.ReasonNotAllowed,
		returns.PhotosRequired, returns.TooManyPhotos,
		returns.RuleRestockingFee, returns.RuleReturnShippingFee, returns.RuleRefundMethod, returns.RuleRefundEarly,
	}
)

// word is the one of allowed that text says, in upper or lower case. An empty
// text is the empty word: whether that will do is for the caller to say.
func word[T ~string](field, text string, allowed []T) (T, error) {
	if text == "" {
		return "", nil
	}
	for _, w := range allowed {
		if strings.EqualFold(string(w), text) {
			return w, nil
		}
	}
	return "", problem.Invalid(field, fmt.Sprintf("%s is %q; it must be one of %s", field, clip(text), list(allowed)))
}

// needWord is word where the field can't be left out.
func needWord[T ~string](field, text string, allowed []T) (T, error) {
	if text == "" {
		return "", missing(field, "it must be one of "+list(allowed))
	}
	return word(field, text, allowed)
}

// list names the words in the case that answers give them in.
func list[T ~string](words []T) string {
	names := make([]string, len(words))
	for i, w := range words {
		names[i] = say(w)
	}
	return strings.Join(names, ", ")
}

// say is a word as answers give it: in upper case, but for dispositions.
func say[T ~string](w T) string {
	if _, ok := any(w).(returns.Disposition); ok {
		return string(w)
	}
	return strings.ToUpper(string(w))
}

func missing(field, need string) error {
	return problem.Invalid(field, field+" is missing; "+need)
}

// statusOf reads ?status=; nil selects all.
func statusOf(r *http.Request) ([]returns.Status, error) {
	s, err := word("status", r.URL.Query().Get("status"), statuses)
	if err != nil || s == "" {
		return nil, err
	}
	return []returns.Status{s}, nil
}
