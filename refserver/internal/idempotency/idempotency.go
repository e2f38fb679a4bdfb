// Package idempotency makes it safe to repeat a request that moves money: under the
// same Idempotency-Key it is executed once, and later ones get the first answer.
//
// The key belongs to its caller and to what was sent with it. The same key with
// another request is refused, and so is a request whose first one is still running. A
// refusal (400 or more) is not stored: the next request under the key is checked
// again. An answer of 500 or more, or none, says nothing about the outcome: the next
// request is executed again, so what it does must itself happen once, as a refund and
// an order do.
package idempotency

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/resilience"
)

// Header is where a caller puts the key, and the name of the field of a form;
// ReplayedHeader marks an answer that was given before.
const (
	Header         = "Idempotency-Key"
	ReplayedHeader = "Idempotent-Replayed"
)

const (
	maxKey  = 200       // as orders takes
	maxBody = 256 << 10 // an answer larger than that is not kept
	// leaseFor is how long a try that was cut off counts as under way; one that
	// continues renews it.
	leaseFor = 10 * time.Second
	// keep is how long an answer is given again.
	keep = 48 * time.Hour
	// patience is how long a request waits for the one under way, where it
	// waits, and lookAgain how often it looks.
	patience  = 10 * time.Second
	lookAgain = 50 * time.Millisecond
)

//go:embed migrations
var migrations embed.FS

// Migrations is the schema of this package's table.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("idempotency", migrations) }

// Keys remembers what was answered. It is safe for concurrent use, by any
// number of processes on one database.
type Keys struct {
	DB     *sqlstore.DB
	Secret []byte           // keys the hash of what was sent
	Now    func() time.Time // nil: time.Now
	// Patient has every request wait for the one under its key that is under
	// way; else only forms do, and others are refused.
	Patient bool
	// Caller names who asks; "" for nobody, whose key counts for nothing.
	Caller func(*http.Request) string
	// Fail answers a request that is not executed: its error is a *problem.Error
	// or comes from the database.
	Fail func(http.ResponseWriter, *http.Request, error)
}

type keyRow struct {
	bun.BaseModel `bun:"table:?(rk)idempotency_keys,alias:k"`

	Caller      string `bun:",pk"`
	Key         string `bun:",pk"`
	RequestHash string
	lease.Lease
	Status    int
	Header    sqldb.JSON[map[string]string]
	Body      []byte
	CreatedAt sqldb.Time
}

// kept are the fields of an answer that are given again.
var kept = []string{"Content-Type", "Location", "Retry-After"}

// Middleware executes next once per key, which is in the header or else in
// a field of an urlencoded form. Without a key, or for nobody, it does nothing.
// The body is read whole before: put a limit around it.
func (k *Keys) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, caller := r.Header.Get(Header), k.Caller(r)
		form := key == "" && isForm(r)
		if caller == "" || key == "" && !form {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			k.Fail(w, r, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if form {
			// What can't be parsed holds no key; next says what is wrong with it.
			fields, _ := url.ParseQuery(string(body))
			if key = fields.Get(Header); key == "" {
				next.ServeHTTP(w, r)
				return
			}
		}
		k.once(w, r, key, k.hash(r, r.Header.Get("Content-Type"), body), form, next)
	})
}

// Once executes next once under key, for a handler that has read the body
// itself: sum names what was in it. A request whose first try is under way
// waits for that one. Without a key, or for nobody, it executes next.
func (k *Keys) Once(w http.ResponseWriter, r *http.Request, key string, sum []byte, next http.Handler) {
	if key == "" || k.Caller(r) == "" {
		next.ServeHTTP(w, r)
		return
	}
	// The type of a form with files names its boundary, which is another each time.
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	k.once(w, r, key, k.hash(r, kind, sum), true, next)
}

// Known reports whether the caller has sent a request under key before, which
// was answered or is under way: Once will not judge it anew.
func (k *Keys) Known(r *http.Request, key string) (bool, error) {
	caller := k.Caller(r)
	if key == "" || caller == "" || len(key) > maxKey || !printable(key) {
		return false, nil // Once refuses it
	}
	row := keyRow{Caller: caller, Key: key}
	err := k.DB.Read().NewSelect().Model(&row).WherePK().Scan(r.Context())
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("idempotency: look up key: %w", err)
	}
	return row.Status != 0 || row.Held(k.now(), leaseFor), nil
}

// once executes next once under key, or answers what was answered. wait has
// it wait for a try that is under way.
func (k *Keys) once(w http.ResponseWriter, r *http.Request, key, hash string, wait bool, next http.Handler) {
	if len(key) > maxKey || !printable(key) {
		k.Fail(w, r, problem.Invalid(Header,
			fmt.Sprintf("The Idempotency-Key must be 1 to %d printable ASCII characters.", maxKey)))
		return
	}
	fresh := keyRow{Caller: k.Caller(r), Key: key, RequestHash: hash}
	row, mine, err := k.claim(r.Context(), fresh)
	for begun := k.now(); (wait || k.Patient) && err == nil && !mine && row.Status == 0 && row.RequestHash == hash &&
		k.now().Sub(begun) < patience && resilience.Sleep(r.Context(), lookAgain) == nil; {
		row, mine, err = k.claim(r.Context(), fresh)
	}
	switch {
	case err != nil:
		k.Fail(w, r, err)
	case row.RequestHash != hash:
		k.Fail(w, r, problem.New(http.StatusConflict, "IDEMPOTENCY_MISMATCH",
			"This Idempotency-Key was used for another request. Use a new key for a new request."))
	case row.Status != 0:
		replay(w, row)
	case !mine:
		w.Header().Set("Retry-After", "1")
		k.Fail(w, r, problem.New(http.StatusConflict, "IN_FLIGHT",
			"A request with this Idempotency-Key is still in progress. Try again in a moment."))
	default:
		k.execute(w, r, next, row)
	}
}

// claim makes the row, or takes over one whose try ended without an answer.
func (k *Keys) claim(ctx context.Context, fresh keyRow) (row keyRow, mine bool, err error) {
	now := k.now()
	err = k.DB.Tx(ctx, "idempotency: claim key", func(ctx context.Context, tx bun.IDB) error {
		row = fresh
		row.CreatedAt = sqldb.At(now)
		mine, err = lease.Claim(ctx, tx, &row, now, leaseFor, func() bool {
			return row.RequestHash == fresh.RequestHash && row.Status == 0
		})
		return err
	})
	return row, mine, err
}

// execute runs next and keeps its answer where it is one.
func (k *Keys) execute(w http.ResponseWriter, r *http.Request, next http.Handler, row keyRow) {
	rec := &recorder{ResponseWriter: w}
	answered := false
	// A try whose lease is lost continues: another one may begin beside it, and
	// what both do happens once by itself (see the package).
	_, stop := resilience.KeepLease(
		context.WithoutCancel(r.Context()),
		leaseFor,
		func(ctx context.Context) (bool, error) {
			return k.renew(ctx, row)
		},
	)
	defer func() {
		stop()
		// Also after a panic: the next try must not wait for the lease.
		if err := k.settle(r.Context(), row, rec, answered); err != nil && !answered {
			k.Fail(w, r, err)
		}
	}()
	next.ServeHTTP(rec, r)
	answered = true
}

func (k *Keys) renew(ctx context.Context, row keyRow) (held bool, err error) {
	err = k.DB.Tx(ctx, "idempotency: renew lease", func(ctx context.Context, tx bun.IDB) error {
		held, err = lease.Renew(ctx, tx, &row, k.now(), leaseFor)
		return err
	})
	return held, err
}

func (k *Keys) settle(ctx context.Context, row keyRow, rec *recorder, answered bool) error {
	row.Release()
	// A refusal changed nothing: what was wrong may be right by the next try,
	// which is judged again.
	definite := answered && rec.status() < http.StatusBadRequest && !rec.tooLarge
	if definite {
		header := map[string]string{}
		for _, name := range kept {
			if v := rec.Header().Get(name); v != "" {
				header[name] = v
			}
		}
		row.Status, row.Header, row.Body = rec.status(), sqldb.AsJSON(header), rec.body.Bytes()
	}
	// The answer is kept also when the caller has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return k.DB.Tx(ctx, "idempotency: keep answer", func(ctx context.Context, tx bun.IDB) error {
		_, err := lease.Save(ctx, tx, &row)
		return err
	})
}

func replay(w http.ResponseWriter, row keyRow) {
	for name, value := range row.Header.V {
		w.Header().Set(name, value)
	}
	w.Header().Set(ReplayedHeader, "true")
	w.WriteHeader(row.Status)
	// A caller that has gone away is not our concern.
	_, _ = w.Write(row.Body)
}

// isForm reports whether the body is a form in which a field can be read.
func isForm(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/x-www-form-urlencoded"
}

// hash names what was sent: method, path, type and body.
func (k *Keys) hash(r *http.Request, kind string, body []byte) string {
	mac := hmac.New(sha256.New, k.Secret)
	fmt.Fprintf(mac, "%s %s\n%s\n", r.Method, r.URL.Path, kind)
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// CleanUp removes answers that are too old to be given again, and returns how
// many.
func (k *Keys) CleanUp(ctx context.Context) (int, error) {
	var n int
	err := k.DB.Tx(ctx, "idempotency: clean up", func(ctx context.Context, tx bun.IDB) (err error) {
		n, err = sqldb.Changed(tx.NewDelete().Model((*keyRow)(nil)).
			Where("created_at < ?", sqldb.At(k.now().Add(-keep))).Exec(ctx))
		return err
	})
	return n, err
}

func (k *Keys) now() time.Time {
	if k.Now == nil {
		return time.Now()
	}
	return k.Now()
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// recorder passes an answer on and keeps a copy of it.
type recorder struct {
	http.ResponseWriter

	code     int
	body     bytes.Buffer
	tooLarge bool
}

func (r *recorder) status() int {
	if r.code == 0 {
		return http.StatusOK
	}
	return r.code
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(code int) {
	if r.code == 0 && code >= http.StatusOK {
		r.code = code
	}
	r.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.body.Len()+len(b) > maxBody {
		r.tooLarge = true
	} else {
		r.body.Write(b)
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach what is below.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
