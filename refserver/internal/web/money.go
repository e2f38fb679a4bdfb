package web

// moneyRoutes are what watches over money: the provider's messages, the queue
// for a person, and the reconciliation.
func (s *server) moneyRoutes() {
	if s.Webhooks != nil {
		s.mux.Handle("POST /webhooks/stripe", s.Webhooks) // it limits the body by itself
	}
}
