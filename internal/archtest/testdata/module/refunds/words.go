package refunds

// What a reader of this it is
// a mystery.
type words struct {
	nobody int `json:"it is a mystery"`
	Hurry  string
} // "x"

var message = "It is a mystery, Hurry."

var wire = "expedited"
