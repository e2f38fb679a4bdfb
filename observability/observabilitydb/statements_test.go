package observabilitydb

import (
	"context"

	"github.com/uptrace/bun"
)

// statements notes what is sent to the database.
type statements struct{ queries []string }

var _ bun.QueryHook = (*statements)(nil)

func (*statements) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (s *statements) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	s.queries = append(s.queries, e.Query)
}
