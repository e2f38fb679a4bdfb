package event_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
)

func TestBadTextIsFoundWhereverItIs(t *testing.T) {
	type line struct {
		OrderLineID string
		Names       map[string]string
		secret      string
	}
	type thing struct {
		Stamp event.Stamp
		Lines []line
		Raw   json.RawMessage `json:"raw,omitempty"`
		Photo []byte
		Other *line
	}
	good := line{OrderLineID: "né \U0001F600", Names: map[string]string{"a": "b"}, secret: "\x00"}
	for name, tt := range map[string]struct {
		v    any
		want string
	}{
		"nothing":               {thing{}, ""},
		"text of all languages": {thing{Lines: []line{good}, Photo: []byte{0, 0xff}, Other: &good}, ""},
		"an escaped backslash":  {thing{Raw: json.RawMessage(`{"a":"\\u0000"}`)}, ""},
		"an event's actor":      {[]event.Event{{}, {Actor: event.Actor{Name: "\x00"}}}, "by.name"},
		"an event's data":       {[]event.Event{{Data: json.RawMessage(`"\u0000"`)}}, "data"},
		"an actor's id":         {event.Stamp{At: time.Now(), By: event.Actor{ID: "a\x00"}}, "by.id"},
		"an actor's kind":       {event.Stamp{By: event.Actor{Kind: "\xff"}}, "by.kind"},
		"a source's request": {
			thing{Stamp: event.Stamp{Source: event.Source{Request: "\x00"}}}, "stamp.source.request",
		},
		"a line's id":       {thing{Lines: []line{good, {OrderLineID: "\xc3"}}}, "lines[1].order_line_id"},
		"behind a pointer":  {&thing{Other: &line{OrderLineID: "\x00"}}, "other.order_line_id"},
		"a value of a map":  {line{Names: map[string]string{"a": "\x00"}}, "names.a"},
		"a key of a map":    {line{Names: map[string]string{"\x00": "a"}}, "names"},
		"an escape in JSON": {thing{Raw: json.RawMessage(`{"a":"b\\\u0000"}`)}, "raw"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := event.BadText(tt.v); got != tt.want {
				t.Errorf("bad text at %q, want %q", got, tt.want)
			}
		})
	}
}
