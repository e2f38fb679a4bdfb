package returnstest

import (
	"errors"

	"github.com/returnkit/returnkit/internal/differ"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/returns"
)

// badField fails the case if err does not refuse the field as no text.
func (b *bench) badField(what string, err error, field string) {
	b.Helper()
	var e *returns.Error
	if !errors.As(err, &e) || e.Code != returns.CodeInvalid || e.Field != field {
		b.Errorf("%s: error %v, want %s of the field %s", what, err, returns.CodeInvalid, field)
	}
}

// testNoText gives each verb a text that not every database keeps.
func testNoText(b *bench) {
	o, r := b.history()
	before := b.snapshot(o, r)
	for field, at := range differ.Spoiled(b.stamp()) {
		_, err := b.change(b.ctx, r.ID, func(r *returns.Return) error {
			return r.Override(at, returns.Override{Rules: []string{returns.RuleRestockingFee}, Reason: "ours"})
		})
		b.badField("Update", err, field)
		_, err = b.create(b.ctx, o, func(c returns.Claims) (*returns.Return, error) {
			made, err := b.filing(o, false, 1)(c)
			if err == nil {
				err = made.Authorize(at, "send it")
			}
			return made, err
		})
		b.badField("Create", err, field)
	}
	t := returns.Terms{ID: newID(), Policy: policy(), PublishedAt: b.now, PublishedBy: event.Actor{ID: "nul\x00"}}
	_, err := b.store.Publish(b.ctx, t)
	b.badField("Publish", err, "published_by.id")
	t.PublishedBy.ID, t.Note = "7", "bad\xff"
	_, err = b.store.Publish(b.ctx, t)
	b.badField("Publish", err, "note")
	b.equal("what is stored", b.snapshot(o, r), before)
}
