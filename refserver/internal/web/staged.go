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

// The fields of a form about photos that were sent with it before: the ids of the photos that are
// kept, and whether there were more.
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
				"We no longer have a photo that you sent before. Choose your photos again.")
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

// stage keeps the photos that came with a form which is shown again because of err, and notes them
// in it. What can't be kept has to be chosen again, which the form says. The photo that err refuses
// is not kept: sent again, it would be refused again.
func (s *server) stage(in *upload.Intake, err error) {
	r := in.Request()
	s.dropRefused(in, err)
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

// dropRefused takes the photo that err refuses out of a form, be it new or kept.
func (s *server) dropRefused(in *upload.Intake, err error) {
	refused, ok := errors.AsType[*returns.Error](err)
	var i int
	if !ok {
		return
	}
	if n, _ := fmt.Sscanf(refused.Field, "photos[%d]", &i); n != 1 {
		return
	}
	ids := in.Form[stagedField]
	kept := min(len(ids), maxStaged) // as photosOf puts them in front
	if i < kept {
		s.forget(in.Request(), ids[i])
		in.Form[stagedField] = slices.Delete(ids, i, i+1)
	} else if i -= kept; i < len(in.Photos) {
		in.Photos = slices.Delete(in.Photos, i, i+1)
	}
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

// unstage forgets the kept photos of a form that was executed.
func (s *server) unstage(in *upload.Intake) { s.forget(in.Request(), in.Form[stagedField]...) }

// forget removes kept photos. What can't be removed now is when it is old.
func (s *server) forget(r *http.Request, ids ...string) {
	if err := s.Shelf.Remove(r.Context(), user(r).ID, ids...); err != nil {
		s.Log.WarnContext(r.Context(), "photos of a form could not be removed", "error", err)
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
