package refunds

// WebhookEvent is what a message of the provider says about a refund.
type WebhookEvent struct {
	RefundID   string // ours, from the metadata; may be empty
	AttemptID  string // ours, from the metadata; may be empty
	ProviderID string // the provider's id of the refund
	Amount     int64  // minor units; 0 when it does not say
	Currency   Currency
	Outcome    Outcome // of the state it tells
}
