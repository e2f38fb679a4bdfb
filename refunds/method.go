package refunds

import (
	"fmt"
	"slices"
	"strings"

	"github.com/returnkit/returnkit/orders/payment"
)

// checkProviderMethods reports what is wrong with Config.ProviderMethods.
func checkProviderMethods(methods []payment.Method) error {
	bad := func(format string, args ...any) error {
		return &Error{Code: CodeInvalid, Field: "Config.ProviderMethods", Message: fmt.Sprintf(format, args...)}
	}
	for i, m := range methods {
		switch {
		case m.Manual():
			return bad("%s never goes to a provider; leave it out", m)
		case !m.Valid():
			return bad(
				"%q is not a name of a method; 1 to 32 lower-case letters, digits and underscores, such as card "+
					"or ideal",
				string(m),
			)
		case slices.Contains(methods[:i], m):
			return bad("%s is named twice", m)
		}
	}
	return nil
}

// methods are the methods money can go back by, the provider's first.
func (c Config) methods() []payment.Method {
	return append(slices.Clone(c.ProviderMethods), payment.Cash, payment.StoreCredit)
}

// checkMethods refuses a request that names a method that is not declared: how the
// order was paid, or how it is to be refunded. Nothing is guessed, so
// that a name this shop does not know is never paid out as cash.
func (c Config) checkMethods(r Request) error {
	declared := c.methods()
	for _, p := range r.Payments {
		if !slices.Contains(declared, p.Method) {
			return &Error{Code: CodeInvalid, Field: "payment_method", Message: fmt.Sprintf(
				"%s is not how an order can be paid; %s (Config.ProviderMethods names those of the provider)",
				quoted(p.Method),
				joinMethods(declared),
			)}
		}
	}
	if r.Method != "" && r.Method != payment.OriginalMethod && !slices.Contains(declared, r.Method) {
		return &Error{Code: CodeMethod, Field: "method", Message: fmt.Sprintf(
			"%s is not a method; %s", quoted(r.Method), joinMethods(append(declared, payment.OriginalMethod)))}
	}
	return nil
}

// methodOf is the method that the request names for a payment, in place of "the
// original one".
func (r Request) methodOf(p Payment) payment.Method {
	if r.Method == "" || r.Method == payment.OriginalMethod {
		return p.Method
	}
	return r.Method
}

// checkAllowed refuses a method that the terms or the payment do not allow. It
// is asked where there is something to pay: nothing is paid by any method.
func (r Request) checkAllowed(p Payment) error {
	m := r.methodOf(p)
	switch {
	case len(r.Allowed) > 0 && !slices.Contains(r.Allowed, m) && !(m == p.Method &&
		slices.Contains(r.Allowed, payment.OriginalMethod)):
		return &Error{Code: CodeMethod, Field: "method", Message: fmt.Sprintf(
			"the terms do not allow %s; allowed: %s", m, joinMethods(r.Allowed))}
	case m.Manual():
		return nil
	case m != p.Method && len(r.Payments) > 1:
		return &Error{Code: CodeMethod, Field: "method", Message: fmt.Sprintf(
			"a part of the order was not paid by %s but by %s, so %s can't refund it; %s, cash or store_credit",
			m, p.Method, m, payment.OriginalMethod)}
	case m != p.Method:
		return &Error{Code: CodeMethod, Field: "method", Message: fmt.Sprintf(
			"the order was not paid by %s but by %s, so %s can't be refunded; cash or store_credit",
			m,
			p.Method,
			m,
		)}
	case p.ProviderID == "":
		return &Error{Code: CodeMethod, Field: "payment_reference", Message: fmt.Sprintf(
			"the payment by %s has no id of the provider (Payment.ProviderID), so it can't be refunded there", m)}
	}
	return nil
}

func quoted(m payment.Method) string {
	if m == "" {
		return "an empty name"
	}
	return fmt.Sprintf("%.40q", string(m))
}

func joinMethods(methods []payment.Method) string {
	words := make([]string, len(methods))
	for i, m := range methods {
		words[i] = string(m)
	}
	return strings.Join(words, ", ")
}
