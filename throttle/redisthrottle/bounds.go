package redisthrottle

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// How much of an answer is read: many times what any of ours has.
const (
	maxAnswer   = 1 << 20 // bytes
	maxElements = 4096
	maxDepth    = 16
)

// errAnswer is what becomes of a connection whose other end is no Redis, or one
// that can't be trusted: a length that it announces would be believed, and take
// the memory of the process or end it.
var errAnswer = errors.New("redisthrottle: what answers is not a Redis, or says more than any does")

// bounds looks at what comes from Redis before the client reads it, and refuses
// lengths that no answer has. The zero value is at the beginning of an answer.
//
// Source: the Redis serialization protocol, versions 2 and 3
// (https://redis.io/docs/latest/develop/reference/protocol-spec/).
type bounds struct {
	line     []byte // of a header that is not whole yet
	skip     int64  // bytes of a text that are still to come
	open     []int  // elements that are still to come, of each array within another
	size     int64  // bytes of this answer
	elements int
}

// check returns an error unless b goes on with what may be an answer.
func (c *bounds) check(b []byte) error {
	for len(b) > 0 {
		if c.skip > 0 {
			n := min(c.skip, int64(len(b)))
			c.skip -= n
			b = b[n:]
			if c.skip == 0 {
				c.end()
			}
			continue
		}
		at := bytes.IndexByte(b, '\n')
		if at < 0 {
			at = len(b) - 1
		}
		c.line = append(c.line, b[:at+1]...)
		whole := b[at] == '\n'
		b = b[at+1:]
		if c.size += int64(at) + 1; c.size > maxAnswer {
			return fmt.Errorf("%w: an answer of more than %d bytes", errAnswer, maxAnswer)
		}
		if !whole {
			continue
		}
		err := c.header(c.line)
		c.line = c.line[:0]
		if err != nil {
			return err
		}
	}
	return nil
}

// header reads a line that begins an element.
func (c *bounds) header(line []byte) error {
	if c.elements++; c.elements > maxElements {
		return fmt.Errorf("%w: more than %d elements", errAnswer, maxElements)
	}
	switch line[0] {
	case '+', '-', ':', '_', ',', '#', '(': // all there is of it
		c.end()
		return nil
	case '$', '=', '!':
		n, err := length(line, maxAnswer-c.size)
		if err != nil {
			return err
		}
		if n < 0 {
			c.end()
			return nil
		}
		c.skip, c.size = n+2, c.size+n
		return nil
	case '*', '~', '>', '%':
		n, err := length(line, maxElements)
		if err != nil {
			return err
		}
		if line[0] == '%' {
			n *= 2
		}
		if n <= 0 {
			c.end()
			return nil
		}
		if c.open = append(c.open, int(n)); len(c.open) > maxDepth {
			return fmt.Errorf("%w: arrays within arrays, %d deep", errAnswer, len(c.open))
		}
		return nil
	}
	// What is streamed, or annotated, is never asked for.
	return fmt.Errorf("%w: it begins with %q", errAnswer, line[0])
}

// end ends an element, and the arrays whose last it is.
func (c *bounds) end() {
	for len(c.open) > 0 {
		last := len(c.open) - 1
		if c.open[last]--; c.open[last] > 0 {
			return
		}
		c.open = c.open[:last]
	}
	c.size, c.elements = 0, 0
}

// length reads the length in a header: 0 to most, or -1 for nothing.
func length(line []byte, most int64) (int64, error) {
	text := bytes.TrimRight(line[1:], "\r\n")
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < -1 || n > most {
		return 0, fmt.Errorf("%w: a length of %.20q", errAnswer, text)
	}
	return n, nil
}
