package upload

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"

	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// ReadForm reads a form, of parts or urlencoded, with the files named photos.
// judge is asked once, before the first of them is taken in, with the fields
// that came before; nil asks nobody. Where it or the form is at fault, Form
// holds what was read.
func (in *Intake) ReadForm(judge func(url.Values) error) error {
	kind, params, err := mime.ParseMediaType(in.r.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == "multipart/form-data" && params["boundary"] != "":
		err = in.readParts(multipart.NewReader(in.limited(), params["boundary"]), judge)
	case err == nil && kind == "application/x-www-form-urlencoded":
		err = in.readFields()
	default:
		err = nil // no form: nothing was filled in
	}
	if err != nil {
		return in.refuse(in.explain(err))
	}
	in.done()
	return nil
}

// limited is the body up to the limit.
func (in *Intake) limited() io.Reader { return &capped{r: in.body, left: in.limit, err: in.tooLarge()} }

// capped fails with err after so many bytes.
type capped struct {
	r    io.Reader
	left int64
	err  error
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		var one [1]byte
		if n, err := c.r.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, c.err
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// explain turns what a reader says of a broken body into words.
func (in *Intake) explain(err error) error {
	var known *problem.Error
	var limit *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &limit), errors.Is(err, multipart.ErrMessageTooLarge):
		return in.tooLarge()
	}
	if p := problem.Of(err); !p.Internal {
		return err
	}
	return problem.Invalid("form", "The form could not be read. Go back, reload the page and send it again.")
}

func (in *Intake) readFields() error {
	data, err := io.ReadAll(&capped{r: in.body, left: maxFields, err: tooMuchText()})
	if err != nil {
		return err
	}
	in.sum.Write(data)
	in.Form, err = url.ParseQuery(string(data))
	return err
}

func tooMuchText() error {
	return problem.New(
		http.StatusRequestEntityTooLarge,
		"TOO_LARGE",
		fmt.Sprintf("Apart from the photos, the form is larger than %d KiB, the most that is allowed.", maxFields>>10),
	)
}

func (in *Intake) readParts(parts *multipart.Reader, judge func(url.Values) error) error {
	left := int64(maxFields)
	for n := 0; ; n++ {
		if n > maxParts {
			return problem.Invalid("form", fmt.Sprintf("The form has more than %d parts.", maxParts))
		}
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name, file := part.FormName(), part.FileName()
		_, disposition, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		_, isFile := disposition["filename"]
		fmt.Fprintf(in.sum, "%d %q %q\n", len(in.Photos), name, file)
		switch {
		case !isFile:
			if left, err = in.field(part, name, left); err != nil {
				return err
			}
		case name == "photos":
			if judge != nil {
				if err := judge(in.Form); err != nil {
					return err
				}
				judge = nil
			}
			if err := in.part(part, file); err != nil {
				return err
			}
		} // another file is passed over
	}
}

func (in *Intake) field(part io.Reader, name string, left int64) (int64, error) {
	if left <= 0 { // an empty field costs memory too
		return left, tooMuchText()
	}
	data, err := io.ReadAll(&capped{r: part, left: left, err: tooMuchText()})
	if err != nil {
		return left, err
	}
	if len(in.Form) > 1000 {
		return left, problem.Invalid("form", "The form has more than 1000 fields.")
	}
	in.sum.Write(data)
	in.Form.Add(name, string(data))
	// A field costs more memory than its text.
	return left - int64(len(data)+len(name)) - 64, nil
}

// part stores a photo. A file field that was left empty comes as a file
// without name and content.
func (in *Intake) part(part io.Reader, name string) error {
	before := len(in.Photos)
	n, err := in.store(name, io.TeeReader(part, in.sum))
	if err == nil && n == 0 && name == "" {
		in.Photos = in.Photos[:before]
	}
	return err
}
