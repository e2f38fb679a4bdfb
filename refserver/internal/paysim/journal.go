package paysim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

var errJournalClosed = errors.New("paysim: the ledger is closed")

// journal is an append-only file of lines. Lines are written in the order of
// append; one write and one fsync carry all lines that came in during the
// fsync before, so that many calls at once cost few syncs. Without a file
// (memory only) every line counts as durable at once.
//
// It is safe for concurrent use. After the first failed write or sync it takes
// nothing more: what is on disk is then no longer known.
type journal struct {
	mu       sync.Mutex
	cond     *sync.Cond
	file     *os.File
	buf      []byte
	appended uint64 // lines taken
	durable  uint64 // lines that are on disk
	err      error
	closed   bool
	done     chan struct{} // the writer has ended
}

// ledgerStart is how every ledger file begins. A file that begins otherwise is
// somebody else's and is not touched.
const ledgerStart = `{"start":"`

// openJournal reads the lines of the file at path, calling load for each, and
// gets ready to append. An empty path means memory only. A last line that is
// cut short or garbled is dropped from the file; a whole line that load refuses
// is an error, and so is a file that is not a ledger.
func openJournal(path string, load func(line []byte) error) (*journal, error) {
	j := &journal{done: make(chan struct{})}
	j.cond = sync.NewCond(&j.mu)
	if path == "" {
		close(j.done)
		return j, nil
	}
	f, err := openLocked(path)
	if err != nil {
		return nil, err
	}
	if err := readLines(f, load); err != nil {
		f.Close()
		return nil, fmt.Errorf("paysim: ledger %s: %w", path, err)
	}
	j.file = f
	go j.write()
	return j, nil
}

func openLocked(path string) (*os.File, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("paysim: make the directory of the ledger: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("paysim: open the ledger: %w", err)
	}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("paysim: ledger %s is in use by another simulator; stop it or name another file: %w",
			path, err)
	}
	// The file's name must survive a power cut as well as its contents. Some
	// systems refuse to sync a directory; the contents are still synced there.
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
	return f, nil
}

// readLines leaves f positioned after the last good line, and cut there.
func readLines(f *os.File, load func([]byte) error) error {
	data, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	if head := data[:min(len(data), len(ledgerStart))]; !bytes.HasPrefix([]byte(ledgerStart), head) {
		return fmt.Errorf("not a ledger: it must be empty or begin with %s", ledgerStart)
	}
	good, number := 0, 0
	for good < len(data) {
		end := bytes.IndexByte(data[good:], '\n')
		if end < 0 {
			break // cut short: its writer never got to answer
		}
		number++
		line := data[good : good+end]
		if err := load(line); err != nil {
			if good+end+1 == len(data) && !json.Valid(line) {
				break
			}
			return fmt.Errorf("line %d: %w", number, err)
		}
		good += end + 1
	}
	if good < len(data) {
		if err := f.Truncate(int64(good)); err != nil {
			return fmt.Errorf("drop the torn last line: %w", err)
		}
		if err := f.Sync(); err != nil {
			return fmt.Errorf("drop the torn last line: %w", err)
		}
	}
	_, err = f.Seek(int64(good), io.SeekStart)
	return err
}

// append takes a line (without its newline) and returns its number, to be
// given to wait.
func (j *journal) append(line []byte) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.err != nil:
		return 0, j.err
	case j.closed:
		return 0, errJournalClosed
	}
	j.appended++
	if j.file == nil {
		j.durable = j.appended
		return j.appended, nil
	}
	j.buf = append(append(j.buf, line...), '\n')
	j.cond.Broadcast()
	return j.appended, nil
}

// last is the number of the newest line taken.
func (j *journal) last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.appended
}

// wait returns when line n and all before it are on disk, or with the error
// that keeps them from it.
func (j *journal) wait(n uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.durable < n && j.err == nil {
		j.cond.Wait()
	}
	if j.durable >= n {
		return nil
	}
	return j.err
}

// write is the one goroutine that touches the file.
func (j *journal) write() {
	defer close(j.done)
	var batch []byte
	j.mu.Lock()
	defer j.mu.Unlock()
	for {
		for len(j.buf) == 0 && !j.closed {
			j.cond.Wait()
		}
		if len(j.buf) == 0 {
			return
		}
		batch, j.buf = j.buf, batch[:0]
		upTo := j.appended
		j.mu.Unlock()
		_, err := j.file.Write(batch)
		if err == nil {
			err = j.file.Sync()
		}
		j.mu.Lock()
		if err != nil {
			j.err = fmt.Errorf("paysim: write the ledger: %w", err)
			j.cond.Broadcast()
			return
		}
		j.durable = upTo
		j.cond.Broadcast()
	}
}

// close writes what was taken, and closes the file. It may be called more
// than once.
func (j *journal) close() error {
	j.mu.Lock()
	first := !j.closed
	j.closed = true
	j.cond.Broadcast()
	j.mu.Unlock()
	<-j.done
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil || !first {
		return j.err
	}
	return errors.Join(j.err, j.file.Close())
}
