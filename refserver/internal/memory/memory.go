// Package memory finds out how much memory the process may use, and limits the runtime
// to that.
package memory

import (
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// Room is the part of the limit, in hundredths, that is left to what the
// runtime does not count: SQLite, the stacks of the system, the pages of the
// program itself.
const Room = 15

// Photos are decoded in at most half of the memory, and never in more than
// mostPhotos: what is above is refused in words.
const (
	mostPhotos  = 256 << 20
	leastPhotos = 48 << 20
)

// Limit is the smallest limit of the control groups that the process is in, of
// version 1 or 2; false where there is none. root is the file system.
//
// Source: Linux, Documentation/admin-guide/cgroup-v1/memory.rst and
// cgroup-v2.rst.
func Limit(root fs.FS) (bytes int64, ok bool) {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	bytes = math.MaxInt64
	for line := range strings.Lines(string(text)) {
		// hierarchy:controllers:path
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		base, file := "", ""
		switch {
		case part[0] == "0" && part[1] == "":
			base, file = "sys/fs/cgroup", "memory.max"
		case strings.Contains(","+part[1]+",", ",memory,"):
			base, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		// In a container the path is often the host's, and its own group stands at the
		// top.
		for at := path.Clean("/" + part[2]); ; at = path.Dir(at) {
			bytes = min(bytes, read(root, path.Join(base, at, file)))
			if at == "/" {
				break
			}
		}
	}
	// Version 1 says "no limit" as the largest number of pages.
	return bytes, bytes < math.MaxInt64/2
}

func read(root fs.FS, name string) int64 {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return math.MaxInt64
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n <= 0 {
		return math.MaxInt64 // "max"
	}
	return n
}

// gcPercent is how much may be allocated before the next collection, in hundredths of what is
// alive. The shop holds little and allocates much: at the runtime's 100 a ninth of its CPU under
// checkouts is the collector's (docs/performance.md). Near the memory limit it collects as often as
// that takes.
const gcPercent = 200

// Set has the runtime keep within the limit of the control group, and logs it, and collect
// garbage half as often. A GOMEMLIMIT and a GOGC that are set stay.
func Set(log *slog.Logger) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	now := debug.SetMemoryLimit(-1)
	if os.Getenv("GOMEMLIMIT") != "" {
		log.Info("memory is limited by GOMEMLIMIT", "limit_bytes", now, "photos_bytes", ForPhotos())
		return
	}
	limit, ok := Limit(os.DirFS("/"))
	if !ok {
		log.Info("memory is not limited by a control group", "photos_bytes", ForPhotos())
		return
	}
	debug.SetMemoryLimit(limit / 100 * (100 - Room))
	log.Info(
		"memory is limited by the control group",
		"limit_bytes",
		limit,
		"go_limit_bytes",
		debug.SetMemoryLimit(-1),
		"photos_bytes",
		ForPhotos(),
	)
}

// ForPhotos is how many bytes the photos that are decoded at a time may take.
func ForPhotos() int64 {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return mostPhotos
	}
	// The limit of the runtime is what is left beside the room.
	return max(leastPhotos, min(mostPhotos, limit/(100-Room)*100/2))
}
