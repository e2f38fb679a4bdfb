package orders_test

import (
	"context"
	"testing"

	"github.com/returnkit/returnkit/orders"
)

func TestTheOriginOfTheContextIsOnEachChange(t *testing.T) {
	if got := orders.SourceOf(context.Background()); got != (orders.Source{}) {
		t.Errorf("a context that says nothing: %+v", got)
	}
	want := orders.Source{Address: "192.0.2.7", Request: "req-1"}
	if got := orders.SourceOf(orders.WithSource(t.Context(), want)); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
