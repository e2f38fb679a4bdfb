package archtest

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
)

// The limits of files that are tracked.
const (
	mostBytes        = 1 << 20
	mostPictureBytes = 512 << 10
)

// pictures are the endings of files that may be no text.
var pictures = []string{".gif", ".ico", ".jpg", ".jpeg", ".png", ".webp"}

// checkTracked says what is wrong with a tracked file, "" for nothing: it is too large, or a
// binary and no picture. head is its beginning.
func checkTracked(name string, size int64, head []byte) string {
	binary := bytes.IndexByte(head, 0) >= 0
	picture := slices.Contains(pictures, strings.ToLower(path.Ext(name)))
	switch {
	case size > mostBytes:
		return fmt.Sprintf("%s has %d bytes of %d", name, size, mostBytes)
	case binary && !picture:
		return name + " is a binary; what is built or recorded is not tracked"
	case picture && size > mostPictureBytes:
		return fmt.Sprintf("%s has %d bytes of %d for a picture", name, size, mostPictureBytes)
	}
	return ""
}
