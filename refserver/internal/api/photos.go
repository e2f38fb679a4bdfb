package api

import (
	"net/http"
	"strconv"

	"github.com/returnkit/returnkit/refserver/internal/idempotency"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/returns"
)

// readPhotos reads a body with photos into v, and runs do once under its
// Idempotency-Key. judge, which may be nil, is asked as soon as the first photo
// begins, unless the request was sent before.
func (a *API) readPhotos(w http.ResponseWriter, r *http.Request, v any, judge func(object []byte) error,
	do func(r *http.Request, photos []returns.Upload) (int, any, error)) {
	if err := input.IsJSON(r); err != nil {
		a.fail(w, r, err)
		return
	}
	in, err := a.Uploads.Begin(w, r, user(r).ID, true)
	defer func() { in.Close() }()
	if err != nil {
		a.fail(w, r, err)
		return
	}
	keys, key := a.keys(), r.Header.Get(idempotency.Header)
	known, err := keys.Known(r, key)
	if known {
		judge = nil
	}
	var object []byte
	if err == nil {
		object, err = in.ReadJSON(judge)
	}
	if err == nil {
		err = input.Object(object, v)
	}
	if err != nil {
		a.fail(w, in.Request(), err)
		return
	}
	keys.Once(
		w,
		in.Request(),
		key,
		in.Sum(),
		a.adapt(func(r *http.Request) (int, any, error) { return do(r, in.Photos) }),
	)
}

// namesPhotos makes sure that what stands for the photos in the object names all of
// those that were read, in order. A key that is written in a strange way is
// not seen as one before.
func namesPhotos(names []string, photos []returns.Upload) error {
	for i, name := range names {
		if i >= len(photos) || name != strconv.Itoa(i) {
			field := "photos[" + strconv.Itoa(i) + "]"
			return problem.Invalid(
				field,
				field+" is not a photo; it must be the bytes of an image file in standard base64",
			)
		}
	}
	return nil
}
