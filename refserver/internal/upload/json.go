package upload

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/returnkit/returnkit/refserver/internal/problem"
)

const notPhoto = " is not a photo; it must be the bytes of an image file in standard base64"

// ReadJSON reads a JSON object whose photos are an array of strings in base64,
// under the key photos of the object itself. It returns the object with each
// photo replaced by its place in Photos, as a string ("0", "1", ...): what is
// wrong with the rest of it is for its decoder to say.
//
// judge is asked once, before the first photo is taken in, with the part of the
// object that came before, closed so that it is whole; nil asks nobody.
func (in *Intake) ReadJSON(judge func(object []byte) error) ([]byte, error) {
	s := &scanner{in: in, judge: judge, r: bufio.NewReaderSize(io.TeeReader(in.limited(), in.sum), 32<<10)}
	if err := s.scan(); err != nil {
		return nil, in.refuse(in.explainJSON(err))
	}
	in.done()
	return s.out.Bytes(), nil
}

func (in *Intake) explainJSON(err error) error {
	var known *problem.Error
	if errors.As(err, &known) || !problem.Of(err).Internal {
		return in.explain(err)
	}
	return problem.Invalid("body", "The body is not valid JSON")
}

// scanner copies a JSON text to out, but for photos. It knows no more of JSON
// than where strings begin and end and how deep it is.
type scanner struct {
	in    *Intake
	judge func([]byte) error
	r     *bufio.Reader
	out   bytes.Buffer

	depth  int
	key    string // of the object itself, that was read last
	photos bool   // within the array of photos
	isKey  bool   // the next string of the object itself is a key
}

func (s *scanner) scan() error {
	for {
		b, err := s.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if b == '"' {
			if err := s.text(); err != nil {
				return err
			}
			continue
		}
		switch b {
		case '{', '[':
			s.depth++
			s.isKey = s.depth == 1 && b == '{'
			s.photos = s.depth == 2 && b == '[' && strings.EqualFold(s.key, "photos")
		case '}', ']':
			s.depth--
			s.photos = false
		case ',':
			s.isKey = s.depth == 1
		case ':':
			s.isKey = false
		}
		if err := s.write(b); err != nil {
			return err
		}
	}
}

func (s *scanner) write(b byte) error {
	if s.out.Len() >= maxFields {
		return tooMuchText()
	}
	s.out.WriteByte(b)
	return nil
}

// text copies a string whose opening quote was read, or receives a photo.
func (s *scanner) text() error {
	if s.photos && s.depth == 2 {
		return s.photo()
	}
	start := s.out.Len()
	if err := s.write('"'); err != nil {
		return err
	}
	for escaped := false; ; {
		b, err := s.r.ReadByte()
		if err != nil {
			return err
		}
		if err := s.write(b); err != nil {
			return err
		}
		if b == '"' && !escaped {
			break
		}
		escaped = b == '\\' && !escaped
	}
	if s.isKey && s.depth == 1 {
		s.key = string(s.out.Bytes()[start+1 : s.out.Len()-1])
	}
	return nil
}

// photo stores what a string holds and writes its place instead.
func (s *scanner) photo() error {
	if s.judge != nil {
		judge := s.judge
		s.judge = nil
		if err := judge(append(bytes.Clone(s.out.Bytes()), "]}"...)); err != nil {
			return err
		}
	}
	place := len(s.in.Photos)
	name := fmt.Sprintf("photos[%d]", place)
	text := &jsonText{r: s.r}
	n, err := s.in.store(name, base64.NewDecoder(base64.StdEncoding, text))
	var corrupt base64.CorruptInputError
	switch {
	case text.err != nil:
		return text.err
	case errors.As(err, &corrupt), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errEscape), err == nil && n == 0:
		return problem.Invalid(name, name+notPhoto)
	case err != nil:
		return err
	}
	if !text.ended { // padding ends base64, and nothing may follow it
		if b, err := text.next(); err == nil || text.err != nil {
			_ = b
			return problem.Invalid(name, name+notPhoto)
		}
	}
	s.out.WriteString(strconv.Quote(strconv.Itoa(place)))
	return nil
}

var errEscape = errors.New("an escape that is no base64")

// jsonText is what the string holds whose opening quote was read, up to its
// closing quote.
type jsonText struct {
	r     *bufio.Reader
	ended bool
	err   error // of the body; a string that is not closed too
}

func (t *jsonText) Read(p []byte) (int, error) {
	for n := range p {
		b, err := t.next()
		if err != nil {
			return n, err
		}
		p[n] = b
	}
	return len(p), nil
}

// next returns the next byte, or io.EOF at the closing quote.
func (t *jsonText) next() (byte, error) {
	if t.ended {
		return 0, io.EOF
	}
	b, err := t.r.ReadByte()
	if err != nil {
		if t.err = err; errors.Is(err, io.EOF) {
			t.err = io.ErrUnexpectedEOF
		}
		return 0, t.err
	}
	switch {
	case b == '"':
		t.ended = true
		return 0, io.EOF
	case b < 0x20 || b >= utf8.RuneSelf:
		return 0, errEscape
	case b != '\\':
		return b, nil
	}
	return t.escape()
}

// escape reads what follows a backslash: encoders write "/" as "\/", and some
// write "+" as "\u002b".
func (t *jsonText) escape() (byte, error) {
	b, err := t.r.ReadByte()
	if err != nil {
		t.err = io.ErrUnexpectedEOF
		return 0, t.err
	}
	switch b {
	case '/':
		return '/', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 'u':
		var hex [4]byte
		if _, err := io.ReadFull(t.r, hex[:]); err != nil {
			t.err = io.ErrUnexpectedEOF
			return 0, t.err
		}
		v, err := strconv.ParseUint(string(hex[:]), 16, 16)
		if err == nil && v < utf8.RuneSelf {
			return byte(v), nil
		}
	}
	return 0, errEscape
}
