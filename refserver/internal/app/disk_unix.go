//go:build linux || darwin

package app

import "syscall"

// diskSpace returns the bytes that this process may still write to the disk of
// a directory, and the disk's size; ok is false where that is not known.
func diskSpace(dir string) (free, total uint64, ok bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil || st.Blocks == 0 {
		return 0, 0, false
	}
	size := uint64(st.Bsize)
	return st.Bavail * size, st.Blocks * size, true
}
