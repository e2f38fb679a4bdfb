//go:build !linux && !darwin

package shop

// diskSpace tells nothing here.
func diskSpace(string) (free, total uint64, ok bool) { return 0, 0, false }
