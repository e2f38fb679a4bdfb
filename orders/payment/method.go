package payment

// Method is how an order is paid, or how money goes back. A shop names the
// methods that its provider takes, such as card, ideal or paypal; cash and store
// credit are there in every shop.
type Method string

// The methods this module knows by name. OriginalMethod asks for the method the
// payment was made by; it is replaced by that method before anything is recorded.
const (
	Card           Method = "card"
	Cash           Method = "cash"
	StoreCredit    Method = "store_credit"
	OriginalMethod Method = "original_method"
)

// Manual reports whether the method never touches the payment provider.
func (m Method) Manual() bool { return m == Cash || m == StoreCredit }

// maxMethod is the largest number of characters of a method's name.
const maxMethod = 32

// Valid reports whether money can move by a method of this name: 1 to 32
// characters, lower-case ASCII letters, digits and underscores, beginning with a
// letter. OriginalMethod is none: it stands for one.
func (m Method) Valid() bool {
	if m == "" || len(m) > maxMethod || m == OriginalMethod || m[0] < 'a' || m[0] > 'z' {
		return false
	}
	for _, c := range []byte(m) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
