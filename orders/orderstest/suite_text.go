package orderstest

import (
	"errors"
	"time"

	"github.com/returnkit/returnkit/internal/differ"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

// badField fails the case if err does not refuse the field as no text.
func (b *bench) badField(what string, err error, field string) {
	b.Helper()
	var e *orders.Error
	if !errors.As(err, &e) || e.Code != orders.CodeInvalid || e.Field != field {
		b.Errorf("%s: error %v, want %s of the field %s", what, err, orders.CodeInvalid, field)
	}
}

// testNoText gives each verb a text that not every database keeps.
func testNoText(b *bench) {
	p, o, r := b.history()
	before := b.snapshot(p, o, r)
	over := b.stamp()
	over.At = over.At.Add(time.Hour)
	for field, at := range differ.Spoiled(b.stamp()) {
		_, err := b.store.SaveProduct(b.ctx, p.ID, at, func(p *orders.Product) error {
			p.Stock++
			return nil
		})
		b.badField("SaveProduct", err, field)
		_, err = b.store.Restock(b.ctx, orders.Restock{Ref: newID(), ProductID: p.ID, Quantity: 1}, at)
		b.badField("Restock", err, field)
		_, err = b.store.Update(b.ctx, o.ID, func(o *orders.Order) error { return o.Cancel(at, "no") })
		b.badField("Update", err, field)
		if field != "by.id" { // which is the customer's
			by := event.Actor{Kind: event.ActorCustomer, ID: "cid", Name: at.By.Name}
			_, err = b.shop(b.store).ReserveFlashSale(event.WithSource(b.ctx, at.Source), r.SaleID, by, 1)
			b.badField("Reserve", err, field)
		}
		_, err = b.shop(b.store).UpdateFlashSale(event.WithSource(b.ctx, at.Source), r.SaleID, at.By,
			func(d *orders.FlashSaleParams) error {
				d.Ends = b.now.Add(time.Second)
				return nil
			})
		b.badField("UpdateFlashSale", err, field)
		if at.By == over.By { // who expires them is the time
			at.At = over.At
			_, err = b.store.ExpireReservations(b.ctx, at, 10)
			b.badField("ExpireReservations", err, field)
		}
	}
	_, err := b.store.SaveProduct(b.ctx, p.ID, b.stamp(), func(p *orders.Product) error {
		p.Category = "nul\x00"
		return nil
	})
	b.badField("SaveProduct", err, "category")
	b.equal("what is stored", b.snapshot(p, o, r), before)
	n, err := b.store.ExpireReservations(b.ctx, over, 10)
	b.ok(err)
	b.equal("reservations that expire after it", n, 1)
}
