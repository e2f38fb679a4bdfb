package refunds

import "time"

// Hold keeps the money of a payment from going back while somebody disputes
// the payment: the bank may return it by another way, and a refund would then
// be a second one. It is kept for good, released or not, as its own record of
// who did what when.
type Hold struct {
	Ref           string    `json:"ref"` // what holds it, such as the id of a dispute
	Reason        string    `json:"reason,omitempty"`
	At            time.Time `json:"at"`
	By            Actor     `json:"by,omitzero"`
	ReleasedAt    time.Time `json:"released_at,omitzero"` // zero while it holds
	ReleasedBy    Actor     `json:"released_by,omitzero"`
	ReleaseReason string    `json:"release_reason,omitempty"`
}

// Active reports whether it still holds.
func (h Hold) Active() bool { return h.ReleasedAt.IsZero() }
