package paysim

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stripe/stripe-go/v85"
)

// One charge over loopback, synced to disk, by eight clients at once.
func BenchmarkChargeDurable(b *testing.B) {
	sim, err := New(Config{Ledger: filepath.Join(b.TempDir(), "ledger")})
	if err != nil {
		b.Fatal(err)
	}
	defer sim.Close()
	url, err := sim.Start(context.Background(), "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	client := newClient(url)
	var n atomic.Int64
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p := &stripe.PaymentIntentCreateParams{Amount: stripe.Int64(100), Currency: stripe.String("usd"),
				Confirm: stripe.Bool(true), PaymentMethod: stripe.String("pm_card_visa")}
			p.SetIdempotencyKey(fmt.Sprint("k", n.Add(1)))
			if _, err := client.V1PaymentIntents.Create(ctx, p); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
