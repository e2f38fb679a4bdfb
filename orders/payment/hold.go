package payment

import "time"

// Hold keeps the money of a payment from going back while the payment is
// disputed: the bank may return it by another way, and a refund would then be
// a second one. It is kept after its release, as its own record.
type Hold struct {
	Ref           string    `json:"ref"` // what holds it, such as the id of a dispute
	Reason        string    `json:"reason,omitempty"`
	At            time.Time `json:"at"`
	ReleasedAt    time.Time `json:"released_at,omitzero"` // zero while it holds
	ReleaseReason string    `json:"release_reason,omitempty"`
}

// Active reports whether it still holds.
func (h Hold) Active() bool { return h.ReleasedAt.IsZero() }
