package archtest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
)

// TestNoLargeFileIsTracked, and no binary but pictures.
func TestNoLargeFileIsTracked(t *testing.T) {
	list := exec.Command("git", "ls-files", "-z")
	list.Dir = repo
	out, err := list.Output()
	if err != nil {
		testreq.SkipOrFail(t, "git does not list the files of this tree: "+err.Error())
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		size, head, err := beginning(filepath.Join(repo, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed and not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		if wrong := checkTracked(name, size, head); wrong != "" {
			t.Error(wrong)
		}
	}
}

// beginning is the size of a file and its first bytes.
func beginning(name string) (size int64, head []byte, err error) {
	info, err := os.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return 0, nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	head, err = io.ReadAll(io.LimitReader(f, 8000))
	return info.Size(), head, err
}

func TestWhatIsTooLargeOrBinaryIsNamed(t *testing.T) {
	binary, text := []byte("\x7fELF\x00"), []byte("text")
	var got []string
	for _, f := range []struct {
		name string
		size int64
		head []byte
	}{
		{"a.go", 1 << 20, text}, {"b.json", 1<<20 + 1, text}, {"refserver.bin", 5, binary},
		{"shop.png", 512 << 10, binary}, {"desk.PNG", 512<<10 + 1, binary},
	} {
		if wrong := checkTracked(f.name, f.size, f.head); wrong != "" {
			got = append(got, wrong)
		}
	}
	expect(t, got,
		"b.json has 1048577 bytes of 1048576",
		"refserver.bin is a binary; what is built or recorded is not tracked",
		"desk.PNG has 524289 bytes of 524288 for a picture",
	)
}
