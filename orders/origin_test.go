package orders_test

import (
	"context"
	"testing"

	"github.com/returnkit/returnkit/orders"
)

func TestTheOriginOfTheContextIsOnEachChange(t *testing.T) {
	if got := orders.OriginOf(context.Background()); got != (orders.Origin{}) {
		t.Errorf("a context that says nothing: %+v", got)
	}
	want := orders.Origin{Address: "192.0.2.7", Request: "req-1"}
	if got := orders.OriginOf(orders.WithOrigin(t.Context(), want)); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
