// Package defaults fills in what the settings of most services leave out.
package defaults

import (
	"log/slog"
	"time"
)

// ClockAndLog sets a nil clock to [time.Now], and a nil log to one that discards all.
func ClockAndLog(now *func() time.Time, log **slog.Logger) {
	if *now == nil {
		*now = time.Now
	}
	if *log == nil {
		*log = slog.New(slog.DiscardHandler)
	}
}
