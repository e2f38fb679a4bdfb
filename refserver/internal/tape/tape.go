// Package tape records the requests that a shop gets, and plays them back to another one.
//
// A tape is a file of one JSON object a line: when a request came, what it was, and how it
// was answered. Secrets are not on it: passwords, card numbers, keys, tokens and cookies are
// replaced by names that are the same for the same secret, so that playing it back signs in
// the same people with passwords of the player's own.
//
// Played back, a request is sent at its time, but not before what it follows from has been
// answered: the request of the same session that came before it, and those whose answers
// returned the ids and keys that it repeats. Ids that differ in the other shop are
// translated, by their place in the answers.
package tape

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
)

// Version is what is written into the first line of a tape.
const Version = 1

// Head is the first line of a tape.
type Head struct {
	Tape int    `json:"tape"` // Version
	Made string `json:"made"` // when, RFC 3339
}

// Request is a request with its answer, a line of a tape.
type Request struct {
	AtMS    int64             `json:"at_ms"`   // after the first request
	Session string            `json:"session"` // s1, s2, ...: who sent it
	Method  string            `json:"method"`
	Path    string            `json:"path"` // with the query
	Header  map[string]string `json:"header,omitempty"`
	Body    string            `json:"body,omitempty"`
	// Left says why the body is not on the tape, such as a photo; empty: it is.
	Left   string `json:"left,omitempty"`
	Status int    `json:"status"`
	Reply  string `json:"answer,omitempty"` // its start, for ids and comparison
}

const (
	maxBody   = 256 << 10 // of a request that is kept
	maxAnswer = 256 << 10 // of an answer
	maxLine   = 4 << 20
)

// Read calls each with every request of a tape, in order.
func Read(r io.Reader, each func(Request) error) error {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), maxLine)
	if !in.Scan() {
		return errors.New("tape: the file is empty")
	}
	var head Head
	if err := json.Unmarshal(in.Bytes(), &head); err != nil || head.Tape != Version {
		return fmt.Errorf("tape: the first line is not that of a tape of version %d", Version)
	}
	for line := 2; in.Scan(); line++ {
		var q Request
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			return fmt.Errorf("tape: line %d cannot be read: %w", line, err)
		}
		if err := each(q); err != nil {
			return err
		}
	}
	return in.Err()
}

// ids are what shops give names to: UUIDs, and numbers that follow a field or path of an id.
var ids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
