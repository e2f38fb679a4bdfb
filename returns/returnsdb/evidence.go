package returnsdb

import (
	"context"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/internal/sqldb"
)

// evidencePage is how many cases EvidencePaths reads at a time.
const evidencePage = 1000

// EvidencePaths calls f with the path of every photo of the cases that changed
// at or after since, which are all that were stored since then: what else is in
// the evidence store belongs to no case.
func (s *Store) EvidencePaths(ctx context.Context, since time.Time, f func(path string)) error {
	for last := ""; ; {
		var rows []returnRow
		err := s.db.Read().NewSelect().Model(&rows).Column("id", "evidence").
			Where("id > ?", last).Where("updated_at >= ?", sqldb.At(since)).Order("id").Limit(evidencePage).Scan(ctx)
		if err != nil {
			return fmt.Errorf("returnsdb: paths of photos: %w", err)
		}
		for _, r := range rows {
			for _, e := range r.Evidence.V {
				f(e.Path)
			}
		}
		if len(rows) < evidencePage {
			return nil
		}
		last = rows[len(rows)-1].ID
	}
}
