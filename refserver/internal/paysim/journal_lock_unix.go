//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package paysim

import (
	"os"
	"syscall"
)

// lockFile makes sure that one process at a time writes the ledger. The lock
// goes with the process, also by kill -9.
func lockFile(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
