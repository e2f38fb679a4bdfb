package event_test

import (
	"context"
	"testing"

	"github.com/returnkit/returnkit/orders/event"
)

func TestTheOriginOfTheContextIsOnEachChange(t *testing.T) {
	if got := event.SourceOf(context.Background()); got != (event.Source{}) {
		t.Errorf("a context that says nothing: %+v", got)
	}
	want := event.Source{Address: "192.0.2.7", Request: "req-1"}
	if got := event.SourceOf(event.WithSource(t.Context(), want)); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
