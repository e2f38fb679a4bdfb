package payment

// Method is how an order is paid, or how money goes back.
type Method string

// The methods every shop has. OriginalMethod asks for the method the payment
// was made by; it is replaced by that method before anything is recorded.
const (
	Card           Method = "card"
	Cash           Method = "cash"
	StoreCredit    Method = "store_credit"
	OriginalMethod Method = "original_method"
)

// Manual reports whether the method never touches the payment provider.
func (m Method) Manual() bool { return m == Cash || m == StoreCredit }
