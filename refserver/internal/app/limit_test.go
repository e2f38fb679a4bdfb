package app

import (
	"fmt"
	"testing"
	"time"
)

func TestAnAccountIsRememberedForMoments(t *testing.T) {
	var m sessionMemo
	now := time.Now()
	m.remember("cookie", "ann", now)
	m.remember("made up", "", now)
	for _, tt := range []struct {
		cookie string
		after  time.Duration
		want   string
	}{
		{
			"cookie",
			0,
			"ann"}, {"cookie",
			rememberFor - 1,
			"ann"}, {"cookie",
			rememberFor,
			""}, {"made up",
			0,
			""}, {"",
			0,
			"",
		},
	} {
		if got := m.customer(tt.cookie, now.Add(tt.after)); got != tt.want {
			t.Errorf("%q after %v opens %q, want %q", tt.cookie, tt.after, got, tt.want)
		}
	}
	for i := range 5000 {
		m.remember(fmt.Sprint(i), "other", now)
	}
	if got := m.customer("cookie", now); got != "" && got != "ann" {
		t.Errorf("another's cookie opens %q", got)
	}
}
