package progress

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
)

// writePart writes a part of a file as text; last reports that there is none of its number.
func (s *Service) writePart(ctx context.Context, p *partRow, w io.Writer) (last bool, err error) {
	err = s.cfg.DB.Read().NewSelect().Model(p).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("progress: read a part of a file: %w", err)
	}
	r, err := gzip.NewReader(bytes.NewReader(p.Data))
	if err != nil {
		return false, fmt.Errorf("progress: unpack a part of a file: %w", err)
	}
	_, err = io.Copy(w, r)
	return false, err
}
