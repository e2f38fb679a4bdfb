package orders

import (
	"fmt"
	"slices"
	"strings"

	"github.com/returnkit/returnkit/orders/payment"
)

// maxMethod is the longest name of a payment method, in characters.
const maxMethod = 40

// allowedMethods names the methods an order can be paid by, for a message.
func allowedMethods(provider []payment.Method) string {
	names := make([]string, 0, len(provider)+1)
	for _, m := range provider {
		names = append(names, string(m))
	}
	return strings.Join(append(names, string(payment.Cash)), ", ")
}

// checkMethod refuses a method that is neither cash nor charged at the
// provider. No other method falls into a branch that needs no proof of payment.
func checkMethod(m payment.Method, provider []payment.Method) error {
	if m == payment.Cash || slices.Contains(provider, m) {
		return nil
	}
	if m == "" {
		return &Error{
			Code:    CodeInvalid,
			Field:   "payment_method",
			Message: "it is empty; allowed is " + allowedMethods(provider),
		}
	}
	return &Error{Code: CodeInvalid, Field: "payment_method",
		Message: fmt.Sprintf("%s is not a payment method here; allowed is %s", quoted(string(m)),
			allowedMethods(provider))}
}

// checkProviderMethods reports the first name that can't be a method of the
// provider.
func checkProviderMethods(methods []payment.Method) error {
	for i, m := range methods {
		problem := ""
		switch {
		case m.Manual() || m == payment.OriginalMethod:
			problem = "is never charged at the provider"
		case !methodName(m):
			problem = fmt.Sprintf("is not a name; 1 to %d of a-z, 0-9 and _", maxMethod)
		case slices.Contains(methods[:i], m):
			problem = "is named twice"
		default:
			continue
		}
		return &Error{Code: CodeInvalid, Field: "ProviderMethods", Message: quoted(string(m)) + " " + problem}
	}
	return nil
}

// methodName reports whether m is written as the name of a method.
func methodName(m payment.Method) bool {
	if m == "" || len(m) > maxMethod {
		return false
	}
	for _, r := range m {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' {
			return false
		}
	}
	return true
}

// checkParts refuses a division between store credit and another payment that no
// order has: store credit is the method of the payment where it leaves nothing.
func checkParts(credit int64, creditID string, rest int64, m payment.Method) error {
	bad := func(format string, args ...any) error {
		return &Error{Code: CodeInvalid, Field: "store_credit", Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case credit < 0 || rest < 0:
		return bad("it pays %d minor units and leaves %d; neither can be negative", credit, rest)
	case (credit > 0) != (creditID != ""):
		return bad("it pays %d minor units, and the id of its payment is %s", credit, quoted(creditID))
	case (m == payment.StoreCredit) != (credit > 0 && rest == 0):
		return bad("it pays %d minor units and leaves %d to %s", credit, rest, quoted(string(m)))
	}
	return nil
}

// checkStoredMethod refuses to store a method that no order is paid by. A store
// does not know which methods the provider has; whatever is not cash needs its
// proof (Order.needsCharge). Store credit is checked by checkParts.
func checkStoredMethod(m payment.Method) error {
	if m == payment.OriginalMethod || !methodName(m) {
		return &Error{Code: CodeInvalid, Field: "payment_method",
			Message: fmt.Sprintf("%s is not how an order is paid; cash or a method of the provider, in a-z, 0-9 and _",
				quoted(string(m)))}
	}
	return nil
}
