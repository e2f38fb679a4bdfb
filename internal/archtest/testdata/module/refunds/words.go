package refunds

// What a reader of this nobody
// can tell.
type words struct {
	nobody int `json:"nobody can tell"`
	Hurry  string
} // "x"

var message = "Nobody can tell, Hurry."

var wire = "expedited"
