package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/returnkit/returnkit/refserver/internal/evidence"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/upload"
	"github.com/returnkit/returnkit/returns"
)

// The fields of a form about photos that were sent with it before: the ids of those that are kept,
// and whether there were more.
const (
	stagedField = "staged"
	unkeptField = "unkept"
)

// maxStaged is how many kept photos a form may name.
const maxStaged = 100

// photosOf are the photos of a form: those that were kept from the time before, and those that came
// with it. Call end when they are not needed any more.
func (s *server) photosOf(in *upload.Intake) (all []returns.Upload, end func(), err error) {
	var open []io.Closer
	end = func() {
		for _, c := range open {
			_ = c.Close() // it was only read
		}
	}
	r := in.Request()
	for _, id := range in.Form[stagedField][:min(len(in.Form[stagedField]), maxStaged)] {
		p, body, err := s.Shelf.Open(r.Context(), user(r).ID, id)
		if errors.Is(err, returns.ErrNotFound) {
			end()
			return nil, func() {}, problem.Invalid("photos",
				"A photo that was sent before is no longer kept. Choose your photos again.")
		}
		if err != nil {
			end()
			return nil, func() {}, err
		}
		open = append(open, body)
		all = append(all, returns.Upload{Name: p.Name, Body: body})
	}
	return append(all, in.Photos...), end, nil
}

// stage keeps the photos that came with a form which is shown again, and notes them in it. What
// can't be kept has to be chosen again, which the form says.
func (s *server) stage(in *upload.Intake) {
	r := in.Request()
	in.Form.Del(unkeptField)
	for _, p := range in.Photos {
		kept, err := s.keep(r, p)
		switch {
		case err == nil:
			in.Form.Add(stagedField, kept.ID)
		case !errors.Is(err, evidence.ErrFull):
			s.Log.WarnContext(r.Context(), "a photo of a form was not kept", "error", err)
			fallthrough
		default:
			in.Form.Set(unkeptField, "1")
		}
	}
	in.Photos = nil
}

func (s *server) keep(r *http.Request, p returns.Upload) (evidence.Staged, error) {
	from, ok := p.Body.(io.ReadSeeker)
	if !ok {
		return evidence.Staged{}, errors.New("web: the photo was read and can't be read again")
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return evidence.Staged{}, err
	}
	return s.Shelf.Keep(r.Context(), user(r).ID, p.Name, from)
}

// unstage forgets the kept photos of a form that was carried out. What can't be removed now is when
// it is old.
func (s *server) unstage(in *upload.Intake) {
	r := in.Request()
	if err := s.Shelf.Remove(r.Context(), user(r).ID, in.Form[stagedField]...); err != nil {
		s.Log.WarnContext(r.Context(), "photos of a form are kept though it was carried out", "error", err)
	}
}

// stagedPhoto is a kept photo as a form shows it.
type stagedPhoto struct {
	evidence.Staged
	Size string
}

// keptPhotos are the photos with these ids that are kept for the user.
func (s *server) keptPhotos(r *http.Request, ids []string) (out []stagedPhoto) {
	for i, id := range ids[:min(len(ids), maxStaged)] {
		if slices.Contains(ids[:i], id) {
			continue
		}
		p, body, err := s.Shelf.Open(r.Context(), user(r).ID, id)
		if err != nil {
			continue // it was too old
		}
		_ = body.Close() // only its name was read
		out = append(out, stagedPhoto{p, sizeWords(p.Bytes)})
	}
	return out
}

// sizeWords is the size of a file as people read it.
func sizeWords(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d KB", (n+1023)>>10)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
}
