package returnstest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/returnkit/returnkit/returns"
)

func testNotFound(b *bench) {
	o, r := b.history()
	for _, id := range []string{"no-such-return", "", "nul\x00", "bad\xff", "' OR 1=1 --", r.ID + " ",
		strings.ToUpper(r.ID), o.OrderID, strings.Repeat("x", 300)} {
		_, err := b.store.Return(b.ctx, id)
		b.missing(fmt.Sprintf("return %.40q", id), err)
		_, err = b.store.Events(b.ctx, id)
		b.missing(fmt.Sprintf("events of %.40q", id), err)
		_, err = b.change(b.ctx, id, func(*returns.Return) error {
			b.Errorf("Update of nothing ran its callback")
			return errors.New("called")
		})
		b.missing(fmt.Sprintf("update of %.40q", id), err)
		if id != "" { // the latest terms
			_, err = b.store.Terms(b.ctx, id)
			b.missing(fmt.Sprintf("terms %.40q", id), err)
		}
	}
	_, err := b.store.Terms(b.ctx, strings.ToUpper(b.terms))
	b.missing("terms in upper case", err)
	claims, err := b.store.Claims(b.ctx, strings.ToUpper(o.OrderID), "nul\x00", "")
	b.ok(err)
	for id, c := range claims {
		b.equal(fmt.Sprintf("claims of order %.40q", id), len(c), 0)
	}
}

func testContext(b *bench) {
	o, r := b.history()
	before := b.snapshot(o, r)
	no := func(what string) error {
		b.Errorf("%s ran its callback in a context that has ended", what)
		return errors.New("called")
	}
	s := b.store
	b.Ended(reflect.TypeFor[returns.Store](), map[string]func(ctx context.Context) error{
		"Create": func(ctx context.Context) error {
			_, err := b.create(ctx, o, func(returns.Claims) (*returns.Return, error) { return nil, no("Create") })
			return err
		},
		"Update": func(ctx context.Context) error {
			_, err := b.change(ctx, r.ID, func(*returns.Return) error { return no("Update") })
			return err
		},
		"Return": func(ctx context.Context) error { _, err := s.Return(ctx, r.ID); return err },
		"List":   func(ctx context.Context) error { _, _, err := s.List(ctx, returns.Query{}); return err },
		"Claims": func(ctx context.Context) error { _, err := s.Claims(ctx, o.OrderID); return err },
		"Counts": func(ctx context.Context) error { _, err := s.Counts(ctx); return err },
		"Events": func(ctx context.Context) error { _, err := s.Events(ctx, r.ID); return err },
		"Publish": func(ctx context.Context) error {
			_, err := s.Publish(ctx, returns.Terms{ID: newID(), Policy: policy(), PublishedAt: b.now})
			return err
		},
		"Terms":    func(ctx context.Context) error { _, err := s.Terms(ctx, b.terms); return err },
		"AllTerms": func(ctx context.Context) error { _, err := s.AllTerms(ctx); return err },
	})
	b.equal("what is stored", b.snapshot(o, r), before)
}
