package auth

import (
	"maps"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
)

func TestASessionHoldsTexts(t *testing.T) {
	deadline := time.Date(2026, 11, 27, 9, 0, 0, 123456789, time.UTC)
	for _, values := range []map[string]any{nil, {}, {"flash": "Grüße, <3 & \" ☕"}, {"a": "", "b": "2"}} {
		data, err := textCodec{}.Encode(deadline, values)
		if err != nil {
			t.Fatal(err)
		}
		at, got, err := textCodec{}.Decode(data)
		if err != nil || !at.Equal(deadline) || !maps.Equal(got, values) {
			t.Errorf("%s: %v, %v, %v", data, at, got, err)
		}
	}
	if data, err := (textCodec{}).Encode(deadline, map[string]any{"n": 1}); err == nil {
		t.Errorf("a number is stored as %s", data)
	}
	if _, _, err := (textCodec{}).Decode([]byte("\x13\xff\x81")); err == nil {
		t.Error("garbage is a session")
	}
}

// BenchmarkSessionCodec shows what each request pays for its session, beside
// the library's own codec.
func BenchmarkSessionCodec(b *testing.B) {
	for name, c := range map[string]scs.Codec{"text": textCodec{}, "gob": scs.GobCodec{}} {
		b.Run(name, func(b *testing.B) {
			data, err := c.Encode(time.Now(), map[string]any{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := c.Decode(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
