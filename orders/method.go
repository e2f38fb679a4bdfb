package orders

// Method is how an order is paid.
type Method string

// The payment methods of an order.
const (
	Cash Method = "cash"
	Card Method = "card"
)
