package notice

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/internal/sqldb"
)

// MaxUnread is up to how many unread notices are counted.
const MaxUnread = 100

// Query selects notices of a user.
type Query struct {
	Unread bool // those alone
	Page   int  // 1 is the first; 0 means 1
	Size   int  // 1 to 200; 0 means 50
}

// List returns a page of the notices of a user, the newest first; more reports whether there
// are older ones.
func (s *Service) List(ctx context.Context, userID string, q Query) (list []Message, more bool, err error) {
	if q.Size < 1 || q.Size > 200 {
		q.Size = 50
	}
	var rows []noticeRow
	sel := s.cfg.DB.Read().NewSelect().Model(&rows).Where("n.user_id = ?", userID)
	if q.Unread {
		sel.Where("n.read_at IS NULL")
	}
	err = sel.Order("n.at DESC", "n.id DESC").Limit(int64(q.Size + 1)).
		Offset(paging.Offset(q.Page, q.Size)).Scan(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("notice: list: %w", err)
	}
	rows, more = paging.More(rows, q.Size)
	for _, r := range rows {
		list = append(list, r.message())
	}
	return list, more, nil
}

// Unread returns how many notices a user has not read, up to MaxUnread.
func (s *Service) Unread(ctx context.Context, userID string) (int, error) {
	some := s.cfg.DB.Read().NewSelect().Model((*noticeRow)(nil)).ColumnExpr("1").Where("n.user_id = ?", userID).
		Where("n.read_at IS NULL").Limit(MaxUnread)
	var n int
	err := s.cfg.DB.Read().NewSelect().TableExpr("(?) AS unread", some).ColumnExpr("COUNT(*)").Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("notice: count unread: %w", err)
	}
	return n, nil
}

// Read marks a notice of a user as read. One of somebody else is ErrNotFound.
func (s *Service) Read(ctx context.Context, userID, id string) error {
	found := false
	err := s.mark(ctx, userID, func(q *bun.UpdateQuery) *bun.UpdateQuery { return q.Where("id = ?", id) }, &found)
	if err != nil || found {
		return err
	}
	there, err := s.cfg.DB.Read().NewSelect().Model((*noticeRow)(nil)).Where("n.id = ?", id).
		Where("n.user_id = ?", userID).Exists(ctx)
	if err == nil && !there {
		err = ErrNotFound
	}
	return err
}

// ReadAll marks all notices of a user as read.
func (s *Service) ReadAll(ctx context.Context, userID string) error {
	found := false
	return s.mark(ctx, userID, func(q *bun.UpdateQuery) *bun.UpdateQuery { return q }, &found)
}

func (s *Service) mark(
	ctx context.Context, userID string, which func(*bun.UpdateQuery) *bun.UpdateQuery, found *bool,
) error {
	err := s.cfg.DB.Tx(ctx, "notice: mark as read", func(ctx context.Context, tx bun.IDB) error {
		now := sqldb.At(s.cfg.Now())
		res, err := which(tx.NewUpdate().Model((*noticeRow)(nil)).Set("read_at = ?", now).Set("changed_at = ?", now).
			Where("user_id = ?", userID).Where("read_at IS NULL")).Exec(ctx)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		*found = n > 0
		return err
	})
	if err == nil {
		s.hub.Wake(userID)
	}
	return err
}

// CleanUp removes notices that are older than Keep, and returns how many.
func (s *Service) CleanUp(ctx context.Context) (n int, err error) {
	err = s.cfg.DB.Tx(ctx, "notice: clean up", func(ctx context.Context, tx bun.IDB) (err error) {
		n, err = sqldb.Changed(tx.NewDelete().Model((*noticeRow)(nil)).
			Where("at < ?", sqldb.At(s.cfg.Now().Add(-Keep))).Exec(ctx))
		return err
	})
	return n, err
}
