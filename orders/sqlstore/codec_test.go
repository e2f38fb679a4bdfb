package sqlstore_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

type note struct {
	Text  string            `json:"text"`
	Count int64             `json:"count"`
	Tags  map[string]string `json:"tags,omitempty"`
}

type moment struct {
	bun.BaseModel `bun:"table:moments,alias:m"`

	ID    int                  `bun:"id,pk"`
	At    sqldb.Time           `bun:"at"`
	Maybe sqldb.Time           `bun:"maybe"`
	Ptr   *sqldb.Time          `bun:"ptr"`
	Note  sqldb.JSON[note]     `bun:"note"`
	List  sqldb.JSON[[]string] `bun:"list"`
	Done  bool                 `bun:"done"`
}

func moments(t *testing.T, db *sqlstore.DB) {
	t.Helper()
	when, json := "TIMESTAMPTZ", "JSONB"
	if db.Dialect() == sqlstore.SQLite {
		when, json = "INTEGER", "TEXT"
	}
	exec(t, db, strings.NewReplacer("WHEN", when, "OBJECT", json).Replace(
		"CREATE TABLE moments (id INTEGER PRIMARY KEY, at WHEN NOT NULL, maybe WHEN, ptr WHEN, note OBJECT, "+
			"list OBJECT, done BOOLEAN NOT NULL)",
	))
}

// instants holds edges and random times, distinct in microseconds.
func instants() []time.Time {
	paris := time.FixedZone("", 2*3600)
	all := []time.Time{
		time.Unix(0, 0), time.Unix(0, 1000), time.Unix(-1, 999999000), time.Unix(-1, 0),
		time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
		time.Date(2026, 10, 25, 2, 30, 0, 0, paris), time.Date(2026, 2, 28, 23, 59, 59, 999999999, paris),
		time.Now(),
	}
	for range 50 {
		all = append(all, time.Unix(rand.Int64N(8e9)-4e9, rand.Int64N(1e9)).In(paris))
	}
	return all
}

func TestTimesComeBackEqualAndInOrder(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		moments(t, db)
		times := instants()
		var rows []moment
		for i, at := range times {
			p := sqldb.At(at)
			rows = append(rows, moment{ID: i, At: sqldb.At(at), Maybe: sqldb.AtPtr(&at), Ptr: &p})
		}
		if _, err := db.Writer().NewInsert().Model(&rows).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got []moment
		if err := db.Reader().NewSelect().Model(&got).Order("at", "id").Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, m := range got {
			want := times[m.ID].UTC().Truncate(time.Microsecond)
			if m.At != sqldb.At(times[m.ID]) || !m.At.Time().Equal(want) || m.At.Time().Location() != time.UTC {
				t.Errorf("%v came back as %v", want, m.At)
			}
			if m.Maybe != m.At || m.Ptr == nil || *m.Ptr != m.At || !m.Maybe.Ptr().Equal(want) {
				t.Errorf("%v: the optional columns are %v and %v", want, m.Maybe, m.Ptr)
			}
			if i > 0 && m.At.Time().Before(got[i-1].At.Time()) {
				t.Errorf("%v sorts after %v", m.At, got[i-1].At)
			}
		}
		// Conditions select the same with either type, alone or among others.
		for _, at := range times {
			var want []int
			for i, other := range times {
				if sqldb.At(other).Time().Before(sqldb.At(at).Time()) {
					want = append(want, i)
				}
			}
			for kind, arg := range map[string]any{"Time": sqldb.At(at), "time.Time": sqldb.At(at).Time()} {
				var ids []int
				err := db.Reader().NewSelect().
					Model((*moment)(nil)).
					Column("id").
					Where("m.at < ?", arg).
					Order("id").
					Scan(t.Context(), &ids)
				if err != nil || !slices.Equal(ids, want) {
					t.Errorf("before %v as %s: %v (%v), want %v", at, kind, ids, err, want)
				}
			}
		}
		// An expression has no column type to go by.
		var last sqldb.Time
		if err := db.Reader().NewRaw("SELECT max(at) FROM moments").Scan(t.Context(), &last); err != nil ||
			last != sqldb.At(times[5]) {
			t.Errorf("the last is %v (%v)", last, err)
		}
	})
}

func TestATimeBefore1970AfterAMinusIsNoComment(t *testing.T) {
	db := sqlstoretest.SQLite(t)
	var n int
	err := db.Reader().NewRaw("SELECT 1 -?", sqldb.At(time.UnixMicro(-5))).Scan(t.Context(), &n)
	if err != nil || n != 6 {
		t.Errorf("got %d (%v), want 6", n, err)
	}
}

func TestTheZeroTimeIsNull(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		moments(t, db)
		if _, err := db.Writer().NewInsert().Model(&moment{ID: 1,
			At: sqldb.At(time.Now())}).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got moment
		err := db.Reader().NewSelect().Model(&got).Where("maybe IS NULL AND ptr IS NULL").Scan(t.Context())
		if err != nil || !got.Maybe.IsZero() || got.Maybe.Ptr() != nil || got.Ptr != nil {
			t.Errorf("got %+v, %v", got, err)
		}
		if _, err := db.Writer().NewInsert().Model(&moment{ID: 2}).Exec(t.Context()); err == nil {
			t.Error("a time that nobody set was stored")
		}
		if _, err := db.Writer().NewInsert().Model(&moment{ID: 3, At: sqldb.At(time.Date(10000, 1, 1, 0, 0, 0, 0,
			time.UTC))}).Exec(t.Context()); err == nil {
			t.Error("a year of five digits was stored")
		}
	})
}

func TestJSONAndTextComeBackEqual(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		moments(t, db)
		want := moment{
			ID: 1, At: sqldb.At(time.Now()), Done: true,
			Note: sqldb.AsJSON(
				note{
					Text:  `'); DROP TABLE moments; -- " \ \' ? ☕ <&>`,
					Count: 1<<53 + 1,
					Tags:  map[string]string{"a": "?"},
				},
			),
			List: sqldb.AsJSON([]string{"", "'", `\`, "\n"}),
		}
		if _, err := db.Writer().NewInsert().Model(&want).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got moment
		if err := db.Reader().NewSelect().Model(&got).Where("done = ?", true).Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}
