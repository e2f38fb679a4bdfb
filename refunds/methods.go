package refunds

// Method is how money goes back.
type Method string

// The methods of a refund. OriginalMethod is a wish: it becomes card or cash,
// whichever the order was paid with, before an intent is recorded.
const (
	Card           Method = "card"
	Cash           Method = "cash"
	StoreCredit    Method = "store_credit"
	OriginalMethod Method = "original_method"
)

// Manual reports whether the method never touches the payment provider.
func (m Method) Manual() bool { return m == Cash || m == StoreCredit }
