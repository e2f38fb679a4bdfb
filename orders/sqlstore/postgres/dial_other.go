//go:build !linux

package postgres

import (
	"syscall"
	"time"
)

// endUnacknowledged leaves it to the system's own limits: the setting is
// Linux's.
func endUnacknowledged(time.Duration) func(network, address string, c syscall.RawConn) error {
	return nil
}
