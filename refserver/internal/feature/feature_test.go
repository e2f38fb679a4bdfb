package feature_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/redis/rueidis"

	"github.com/returnkit/returnkit/internal/redistest"
	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/throttle/redisthrottle"
)

func open(t *testing.T, db *sqlstore.DB, signals ...feature.Signal) *feature.Service {
	t.Helper()
	s, err := feature.New(t.Context(), feature.Config{DB: db, Signals: signals})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func each(t *testing.T, test func(t *testing.T, db *sqlstore.DB)) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		sqlstoretest.Migrated(t, db, feature.Migrations())
		test(t, db)
	})
}

func TestASwitchIsStoredWithWhoChangedIt(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		ctx, s := t.Context(), open(t, db)
		for _, d := range feature.Definitions {
			if !s.On(d.Name, "") || !s.On(d.Name, "ada") {
				t.Errorf("%s is off, and nobody has touched it", d.Name)
			}
		}
		set, err := s.Set(ctx, feature.Registration, "kim", feature.Change{Mode: feature.Off})
		if err != nil || set.Version != 1 || set.ChangedBy != "kim" || s.On(feature.Registration, "") {
			t.Errorf("%+v, %v", set, err)
		}
		if open(t, db).On(feature.Registration, "ada") {
			t.Error("another process has it on")
		}
		stale := 0
		if _, err := s.Set(ctx, feature.Registration, "lee", feature.Change{
			Mode: feature.On, Version: &stale,
		}); !errors.Is(err, feature.ErrChanged) {
			t.Errorf("a change of what was changed meanwhile: %v", err)
		}
		if _, err := s.Set(ctx, feature.Registration, "lee", feature.Change{Mode: feature.On}); err != nil {
			t.Fatal(err)
		}
		got, err := s.History(ctx, feature.Registration, 10)
		if err != nil || len(got) != 2 || got[0].Mode != feature.On || got[0].ChangedBy != "lee" ||
			got[1].ChangedBy != "kim" {
			t.Errorf("the changes are %+v, %v", got, err)
		}
	})
}

func TestWhatCannotBeSetIsRefused(t *testing.T) {
	db := sqlstoretest.SQLite(t)
	sqlstoretest.Migrated(t, db, feature.Migrations())
	s := open(t, db)
	if _, err := s.Set(t.Context(), "other", "kim", feature.Change{Mode: feature.On}); !errors.Is(
		err,
		feature.ErrUnknown,
	) {
		t.Errorf("a switch that does not exist: %v", err)
	}
	for name, test := range map[string]struct {
		of    feature.Name
		c     feature.Change
		field string
	}{
		"no mode": {feature.Returns, feature.Change{}, "action"},
		"101 percent": {
			feature.Returns,
			feature.Change{Mode: feature.Rollout, Percentage: 101},
			"rollout_percentage",
		},
		"a negative share": {
			feature.Returns,
			feature.Change{Mode: feature.Rollout, Percentage: -1},
			"rollout_percentage",
		},
		"an empty user": {feature.Returns, feature.Change{Mode: feature.Rollout, Users: []string{""}}, "users"},
		"too many users": {
			feature.Returns,
			feature.Change{Mode: feature.Rollout, Users: make([]string, 1001)},
			"users",
		},
		"a part of nobody": {feature.Registration, feature.Change{Mode: feature.Rollout, Percentage: 5}, "action"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Set(t.Context(), test.of, "kim", test.c)
			var invalid *feature.Invalid
			if !errors.As(err, &invalid) || invalid.Field != test.field {
				t.Errorf("%v; want a mistake in %s", err, test.field)
			}
		})
	}
}

// TestARolloutIsSteady: who is in stays in when the share grows, on every replica, and the
// share is what it says.
func TestARolloutIsSteady(t *testing.T) {
	in := map[string]bool{}
	for _, share := range []int{0, 1, 10, 50, 100} {
		s, n := feature.Switch{
			Name:       feature.Returns,
			Mode:       feature.Rollout,
			Percentage: share,
			Users:      []string{"u-x"},
		}, 0
		for i := range 10_000 {
			u := fmt.Sprint("user-", i)
			if on := s.For(u); on {
				n, in[u] = n+1, true
			} else if in[u] {
				t.Fatalf("%s was in before %d %%, and is not", u, share)
			}
		}
		if n < share*100-150 || n > share*100+150 {
			t.Errorf("%d of 10,000 are in at %d %%", n, share)
		}
		if !s.For("u-x") || s.For("") {
			t.Errorf("at %d %% a listed user is in: %v, and nobody: %v", share, s.For("u-x"), s.For(""))
		}
	}
	same := 0
	for i := range 1000 {
		u := fmt.Sprint("user-", i)
		a := feature.Switch{Name: feature.Returns, Mode: feature.Rollout, Percentage: 50}
		b := feature.Switch{Name: feature.Photos, Mode: feature.Rollout, Percentage: 50}
		if a.For(u) == b.For(u) {
			same++
		}
	}
	if same > 600 {
		t.Errorf("%d of 1000 are in both or in neither: the same people are always first", same)
	}
}

// run starts a process on the database.
func run(t *testing.T, s *feature.Service) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

func TestEveryReplicaNotices(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		var all []*feature.Service
		for range 3 {
			s := open(t, db)
			run(t, s)
			all = append(all, s)
		}
		for round, mode := range []feature.Mode{feature.Off, feature.On, feature.Off} {
			begun := time.Now()
			if _, err := all[round].Set(t.Context(), feature.Photos, "kim", feature.Change{Mode: mode}); err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				testreq.Until(t, "the switch", func() bool { return s.On(feature.Photos, "") == (mode == feature.On) })
			}
			t.Logf("all three know after %v", time.Since(begun).Round(time.Millisecond))
		}
	})
}

// TestASignalWakes: one reaches a process that reads nothing by itself, and a broken one takes
// nothing away.
func TestASignalWakes(t *testing.T) {
	t.Run("postgres", func(t *testing.T) {
		config := sqlstoretest.PostgresConfig(t)
		db := sqlstoretest.Open(t, config)
		wakes(t, db, feature.Postgres{DB: db, URL: config.URL})
		broken := feature.Postgres{DB: db, URL: "postgres://127.0.0.1:1/none"}
		if err := broken.Listen(t.Context(), func() {}); err == nil {
			t.Error("it listens to nothing")
		}
	})
	t.Run("redis", func(t *testing.T) {
		server := redistest.Start(t)
		signal := feature.Redis{Client: dial(t, server.URL())}
		db := sqlstoretest.SQLite(t)
		wakes(t, db, signal)
		server.Kill()
		s, err := feature.New(t.Context(), feature.Config{DB: db, Signals: []feature.Signal{signal}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Set(t.Context(), feature.Photos, "kim", feature.Change{Mode: feature.On}); err != nil {
			t.Errorf("without Redis a switch is not changed: %v", err)
		}
	})
}

// dial returns a client of a Redis.
func dial(t *testing.T, url string) rueidis.Client {
	t.Helper()
	client, err := redisthrottle.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// TestThreeReplicasNoticeByRedis measures how long a change takes to all of them.
func TestThreeReplicasNoticeByRedis(t *testing.T) {
	url := redistest.Start(t).URL()
	each(t, func(t *testing.T, db *sqlstore.DB) {
		var all []*feature.Service
		for range 3 {
			s := open(t, db, feature.Redis{Client: dial(t, url)})
			run(t, s)
			all = append(all, s)
		}
		var slowest time.Duration
		for round := range 10 {
			mode := []feature.Mode{feature.Off, feature.On}[round%2]
			begun := time.Now()
			if _, err := all[round%3].Set(t.Context(), feature.Photos, "kim", feature.Change{Mode: mode}); err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				testreq.Until(t, "the switch", func() bool { return s.On(feature.Photos, "") == (mode == feature.On) })
			}
			slowest = max(slowest, time.Since(begun))
		}
		t.Logf("all three know after %v at the latest, of ten changes", slowest.Round(time.Millisecond))
	})
}

func wakes(t *testing.T, db *sqlstore.DB, signal feature.Signal) {
	t.Helper()
	sqlstoretest.Migrated(t, db, feature.Migrations())
	ctx, cancel := context.WithCancel(t.Context())
	woken, listening := make(chan struct{}, 10), make(chan error, 1)
	go func() { listening <- signal.Listen(ctx, func() { woken <- struct{}{} }) }()
	wait := func(what string) {
		t.Helper()
		select {
		case <-woken:
		case <-time.After(testreq.Patience(t)):
			t.Fatalf("no signal: %s", what)
		}
	}
	wait("at the start")
	if _, err := open(t, db, signal).Set(ctx, feature.Photos, "kim", feature.Change{Mode: feature.Off}); err != nil {
		t.Fatal(err)
	}
	wait("of the change")
	cancel()
	if err := <-listening; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

func TestOpenFeatureAsksTheSwitches(t *testing.T) {
	db := sqlstoretest.SQLite(t)
	sqlstoretest.Migrated(t, db, feature.Migrations())
	s := open(t, db)
	if _, err := s.Set(t.Context(), feature.Returns, "kim", feature.Change{
		Mode: feature.Rollout, Users: []string{"ada"},
	}); err != nil {
		t.Fatal(err)
	}
	if err := openfeature.SetNamedProviderAndWait("returnkit-test", feature.Provider{Switches: s}); err != nil {
		t.Fatal(err)
	}
	client := openfeature.NewClient("returnkit-test")
	for user, want := range map[string]bool{"ada": true, "bob": false} {
		got, err := client.BooleanValue(t.Context(), "returns", !want, openfeature.NewEvaluationContext(user, nil))
		if err != nil || got != want {
			t.Errorf("returns for %s: %v, %v", user, got, err)
		}
	}
	if got, err := client.BooleanValue(
		t.Context(), "other", true, openfeature.NewEvaluationContext("ada", nil),
	); err == nil ||
		!got {
		t.Errorf("a switch that does not exist: %v, %v", got, err)
	}
}
