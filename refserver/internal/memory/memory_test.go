package memory

import (
	"math"
	"runtime/debug"
	"testing"
	"testing/fstest"
)

func TestTheLimitOfTheControlGroupIsFound(t *testing.T) {
	const mib = 1 << 20
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s + "\n")} }
	for _, c := range []struct {
		name  string
		files fstest.MapFS
		want  int64 // 0: none
	}{
		{"no control groups", fstest.MapFS{}, 0},
		{"version 2, a container of its own", fstest.MapFS{"proc/self/cgroup": file("0::/"),
			"sys/fs/cgroup/memory.max": file("536870912")}, 512 * mib},
		{"version 2, limited by a parent", fstest.MapFS{
			"proc/self/cgroup": file("0::/a/b"), "sys/fs/cgroup/a/memory.max": file("268435456"),
			"sys/fs/cgroup/a/b/memory.max": file("max"),
		}, 256 * mib},
		{"version 2, no limit", fstest.MapFS{"proc/self/cgroup": file("0::/"),
			"sys/fs/cgroup/memory.max": file("max")}, 0},
		{"version 1, the path of the host", fstest.MapFS{
			"proc/self/cgroup":                           file("12:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n0::/"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("536870912"),
		}, 512 * mib},
		{"version 1, no limit", fstest.MapFS{
			"proc/self/cgroup":                           file("4:memory:/"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712"),
		}, 0},
		{"both, the smaller counts", fstest.MapFS{
			"proc/self/cgroup": file("4:memory:/x\n0::/x"),
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes": file("536870912"),
			"sys/fs/cgroup/x/memory.max":                   file("134217728"),
		}, 128 * mib},
		{"nonsense", fstest.MapFS{"proc/self/cgroup": file("what:\n4:memory:/../../etc"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("much")}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := Limit(c.files)
			if ok != (c.want > 0) || ok && got != c.want {
				t.Errorf("%d, %v; want %d", got, ok, c.want)
			}
		})
	}
}

func TestPhotosGetHalfOfTheMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	for limit, want := range map[int64]int64{
		math.MaxInt64: mostPhotos, 4 << 30: mostPhotos, 435 << 20: 255 << 20, 200 << 20: 117 << 20,
		20 << 20: leastPhotos,
	} {
		debug.SetMemoryLimit(limit)
		if got := ForPhotos(); got>>20 != want>>20 {
			t.Errorf("of %d MiB: %d MiB, want %d", limit>>20, got>>20, want>>20)
		}
	}
}
