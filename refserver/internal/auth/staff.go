package auth

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"
)

// WithRoles returns the ids of the users who have one of the roles and can sign in.
func (d *DB) WithRoles(ctx context.Context, roles ...Role) (ids []string, err error) {
	if len(roles) == 0 {
		return nil, nil
	}
	err = d.db.Reader().NewSelect().Model((*userRow)(nil)).Column("id").Where("u.role IN (?)", bun.List(roles)).
		Where("u.deleted_at IS NULL").Where("u.locked_at IS NULL").Order("u.id").Scan(ctx, &ids)
	if err != nil {
		return nil, fmt.Errorf("auth: users with roles: %w", err)
	}
	return ids, nil
}
