// Package upload receives requests with photos: forms of many parts, and JSON with
// photos in base64.
//
// A body is never whole in memory. What is small (fields, the JSON around the photos) is
// kept, photos go to one file a request, which nobody else can open and which is gone when
// the request ends. Large bodies share a budget of bytes in flight, one at a time an
// account and half of it an address; a body that does not fit waits before its first byte
// is read, and while one waits the body that would take longest is cut off. A caller
// judges a request as soon as the first photo begins, when the rest of it is usually
// known, and what it refuses is read to its end but kept nowhere: a browser that is cut
// off while it sends shows its own error and not our words.
package upload

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/throttle/throttlehttp"
)

const (
	// small is a body that needs no share of the budget.
	small = input.MaxBody
	// maxFields is how much there may be beside the photos.
	maxFields = input.MaxBody
	// maxParts is how many parts a form may have, empty ones and other files included: each takes
	// much longer to read than to send.
	maxParts = 2000
	// maxFiles is far over what any policy takes; the policy's own limit is
	// named to who passes it.
	maxFiles = 100
	// maxDrain is how much of a body that is refused is read, to be able to say
	// so.
	maxDrain = 512 << 20
	// work is how long a request may take once its body is there, and answering
	// how long the answer may take beyond.
	work      = 75 * time.Second
	answering = 15 * time.Second
)

// Config says where photos go and how many are taken.
type Config struct {
	// Temp makes a file for the photos of a request, which is closed and gone
	// when the request ends.
	Temp       func() (*os.File, error)
	Photos     int   // of one request: the body may have room for as many, at least 20
	PhotoBytes int64 // of one photo; 0: 10 MiB, as returns.ImageLimits
	Patience   Pace  // with slow clients; zero: the default
	// Address is where a request comes from; nil: the address of the connection.
	Address throttlehttp.KeyFunc
}

// Receiver receives bodies. Make one with New; it is safe for concurrent use.
type Receiver struct {
	cfg  Config
	room *room
}

// New returns a Receiver.
func New(c Config) (*Receiver, error) {
	if c.Temp == nil {
		return nil, errors.New("upload: Config.Temp is nil, but required")
	}
	c.Photos = max(c.Photos, 20)
	if c.PhotoBytes == 0 {
		c.PhotoBytes = 10 << 20
	}
	c.Patience = c.Patience.withDefaults()
	if c.Address == nil {
		c.Address = throttlehttp.AddressKey(throttlehttp.Proxies{})
	}
	u := &Receiver{cfg: c}
	var err error
	u.room, err = newRoom(max(inFlight, 2*u.largest(true)))
	return u, err
}

// largest is how large a body may be; base64 is a third more.
func (u *Receiver) largest(base64 bool) int64 {
	n := int64(u.cfg.Photos) * u.cfg.PhotoBytes
	if base64 {
		n = n / 3 * 4
	}
	return n + 8<<20
}

// Intake is a request whose body is taken in. Close it.
type Intake struct {
	// Form are the fields of a form, Photos what there is of photos, in order.
	Form   url.Values
	Photos []returns.Upload

	u       *Receiver
	w       http.ResponseWriter
	r       *http.Request
	body    *paced
	limit   int64
	sum     hash.Hash // of what was sent, so far
	file    *os.File
	size    int64 // of file
	release func()
	cancel  context.CancelFunc
}

// Begin admits the body of a request of the account, and waits where others'
// bodies come first. The error is a *problem.Error.
func (u *Receiver) Begin(w http.ResponseWriter, r *http.Request, account string, json bool) (*Intake, error) {
	in := &Intake{
		u:       u,
		w:       w,
		r:       r,
		limit:   u.largest(json),
		sum:     sha256.New(),
		release: func() {},
		cancel:  func() {},
		Form:    url.Values{},
	}
	in.body = newPaced(w, r, u.cfg.Patience)
	size := r.ContentLength
	if size > in.limit {
		return in, in.refuse(in.tooLarge())
	}
	if size < 0 {
		size = in.limit // it does not say: as much as it may be
	}
	if size <= small {
		return in, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), work)
	defer cancel()
	address, _ := u.cfg.Address(r)
	release, err := u.room.enter(ctx, account, address, in.body, size)
	if errors.Is(err, errAccount) {
		return in, in.refuse(
			problem.TooMany(
				"Your account is sending photos already. Wait until they have arrived, then send these.",
			),
		)
	}
	if err != nil {
		return in, in.refuse(
			problem.Unavailable("Many people are sending photos right now. Wait a moment, then send yours again."),
		)
	}
	in.release = release
	return in, nil
}

func (in *Intake) tooLarge() error {
	return problem.New(http.StatusRequestEntityTooLarge, "TOO_LARGE", fmt.Sprintf(
		"Your request is larger than %d MB, the most allowed: %d photos of %d MB. Send fewer or smaller photos.",
		in.limit>>20,
		in.u.cfg.Photos,
		in.u.cfg.PhotoBytes>>20,
	))
}

// refuse reads what is left of the body, within reason, and returns why it is
// of no use.
func (in *Intake) refuse(why error) error {
	if in.file == nil { // else its photos may still be kept for the form
		in.release()
	}
	// How far that comes does not matter: the request is refused either way.
	_, _ = io.Copy(io.Discard, io.LimitReader(in.body, maxDrain))
	in.done()
	return why
}

// done gives the rest of the request the time it needs.
func (in *Intake) done() {
	// A form may end before its body does, whose end lifts the deadline of reading.
	_, _ = io.CopyN(io.Discard, in.body, small)
	in.cancel()
	var ctx context.Context
	ctx, in.cancel = context.WithTimeout(in.r.Context(), work)
	in.r = in.r.WithContext(ctx)
	// Where the connection has no deadlines there is none to move.
	_ = http.NewResponseController(in.w).SetWriteDeadline(time.Now().Add(work + answering))
}

// Request returns the request with the time that is left to work on it. Its
// body was read.
func (in *Intake) Request() *http.Request { return in.r }

// Sum names what was sent: two requests with the same fields and photos have
// the same, however they were parted.
func (in *Intake) Sum() []byte { return in.sum.Sum(nil) }

// Close ends the request: its photos are gone, and its share of the budget is
// free.
func (in *Intake) Close() {
	in.cancel()
	if in.file != nil {
		// Nothing of it is needed any more, and the next start removes what stays.
		_ = in.file.Close()
		_ = os.Remove(in.file.Name())
	}
	in.release()
}

// Streams reports whether a request may have a large body, so that the time of
// a request counts only once its body is there.
func Streams(r *http.Request) bool {
	return r.Method == http.MethodPost && (r.ContentLength > small || r.ContentLength < 0)
}

// store writes a photo into the file of the request.
func (in *Intake) store(name string, from io.Reader) (int64, error) {
	place := len(in.Photos) + 1
	if place > maxFiles {
		return 0, problem.Invalid(
			"photos",
			fmt.Sprintf("There are more than %d photos, the most that can be sent at once.", maxFiles),
		)
	}
	start := in.size
	n, err := io.Copy(&written{in}, io.LimitReader(from, in.u.cfg.PhotoBytes+1))
	if err != nil {
		return n, err
	}
	if n > in.u.cfg.PhotoBytes {
		return n, problem.New(http.StatusRequestEntityTooLarge, string(returns.CodePhotoTooLarge), fmt.Sprintf(
			"Photo %d%s is larger than %d MB, the most that is allowed. Send it with a lower resolution or quality.",
			place, inBrackets(name), in.u.cfg.PhotoBytes>>20))
	}
	in.Photos = append(in.Photos, returns.Upload{Name: name, Body: io.NewSectionReader(in.file, start, n)})
	return n, nil
}

func inBrackets(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" (%.100s)", name)
}

// written appends to the file of a request, which it makes for the first byte: a form whose file field was left empty
// needs none. It tells two kinds of failure apart: what the client does, and what the disk does.
type written struct{ in *Intake }

func (w *written) Write(p []byte) (int, error) {
	if w.in.file == nil {
		f, err := w.in.u.cfg.Temp()
		if err != nil {
			return 0, noRoom(err)
		}
		w.in.file = f
	}
	n, err := w.in.file.WriteAt(p, w.in.size)
	w.in.size += int64(n)
	if err != nil {
		return n, noRoom(err)
	}
	return n, nil
}

func noRoom(err error) error {
	return problem.Caused(
		problem.Unavailable(
			"Photos can't be stored at the moment. Try again later, or send your request without them.",
		),
		err,
	)
}
