package observability

import (
	"context"
	"time"
)

// answer records a request as the middleware does.
func (m *Metrics) answer(ctx context.Context, endpoint, method string, status int, d time.Duration) {
	m.httpRequest(m.config.Now(), requestID(ctx), endpoint, method, status, d)
}
