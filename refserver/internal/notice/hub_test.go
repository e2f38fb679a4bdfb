package notice

import (
	"testing"
	"time"
)

// TestOnlyWhoseNoticesChangedIsWoken: in all of their windows, and none who has gone.
func TestOnlyWhoseNoticesChangedIsWoken(t *testing.T) {
	t.Parallel()
	h := newHub(nil, time.Now)
	first, _ := h.Listen("ada")
	second, leave := h.Listen("ada")
	other, _ := h.Listen("bob")
	woken := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	h.Wake("ada")
	if !woken(first) || !woken(second) || woken(other) {
		t.Error("a notice of ada's does not wake her two windows and nobody else's")
	}
	leave()
	h.Wake("ada", "carl")
	if !woken(first) || woken(second) || woken(other) {
		t.Error("after a window was closed")
	}
}
