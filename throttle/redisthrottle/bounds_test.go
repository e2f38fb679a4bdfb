package redisthrottle

import (
	"errors"
	"strings"
	"testing"
)

func TestWhatNoRedisSaysIsNotRead(t *testing.T) {
	for _, c := range []struct {
		name, says string
		ok         bool
	}{
		{"a word", "+OK\r\n", true},
		{"an error", "-ERR max number of clients reached\r\n", true},
		{"a decision", "*4\r\n:0\r\n:1\r\n:0\r\n:0\r\n", true},
		{"nothing, of each kind", "$-1\r\n*-1\r\n_\r\n*0\r\n$0\r\n\r\n", true},
		{"a text with line ends", "$6\r\n*-5\r\nx\r\n+OK\r\n", true},
		{"a greeting", "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nmodules\r\n*1\r\n%1\r\n$4\r\nname\r\n#t\r\n", true},
		{"many answers", strings.Repeat("*1\r\n:1\r\n", 100_000), true},
		{"a long text", "$1000000\r\n" + strings.Repeat("x", 1_000_000) + "\r\n+OK\r\n", true},
		{"many long texts", strings.Repeat("$1000000\r\n"+strings.Repeat("x", 1_000_000)+"\r\n", 3), true},

		{"a length below nothing", "*-5\r\n", false},
		{"a text of such a length", "$-2\r\n", false},
		{"within an array", "*2\r\n:1\r\n$-2\r\n", false},
		{"an array of the whole memory", "*2147483647\r\n", false},
		{"a map of it", "%2147483647\r\n", false},
		{"a text of it", "$2147483647\r\n", false},
		{"a number beyond all", "$99999999999999999999\r\n", false},
		{"no number", "*x\r\n", false},
		{"a line without end", "+" + strings.Repeat("x", 2<<20), false},
		{"arrays without end", strings.Repeat("*1\r\n", 100), false},
		{"elements without end", "*4000\r\n" + strings.Repeat("*2\r\n:1\r\n:1\r\n", 2000), false},
		{"several long texts in one answer", "*3\r\n" + strings.Repeat("$1000000\r\n"+strings.Repeat("x", 1_000_000)+"\r\n", 3),
			false},
		{"a stream", "*?\r\n", false},
		{"an annotation", "|1\r\n+a\r\n+b\r\n:1\r\n", false},
		{"another protocol", "HTTP/1.1 400 Bad Request\r\n", false},
		{"an empty line", "\r\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, piece := range []int{1, 7, len(c.says)} {
				var b bounds
				var err error
				for rest := c.says; rest != "" && err == nil; rest = rest[min(piece, len(rest)):] {
					err = b.check([]byte(rest[:min(piece, len(rest))]))
				}
				if c.ok != (err == nil) || err != nil && !errors.Is(err, errAnswer) {
					t.Errorf("in pieces of %d: %v", piece, err)
				}
				if c.ok && (len(b.open) != 0 || b.skip != 0 || b.size != 0) {
					t.Errorf("in pieces of %d it is in the middle: %+v", piece, b)
				}
			}
		})
	}
}

// FuzzBounds: whatever comes, in whichever pieces, is judged the same, and what
// is kept of it is bounded.
func FuzzBounds(f *testing.F) {
	f.Add([]byte("*2\r\n$1\r\nx\r\n:1\r\n"), uint8(3))
	f.Fuzz(func(t *testing.T, says []byte, piece uint8) {
		var whole, pieces bounds
		want := whole.check(says)
		var got error
		for rest := says; len(rest) > 0 && got == nil; {
			n := min(int(piece)+1, len(rest))
			got, rest = pieces.check(rest[:n]), rest[n:]
		}
		if (want == nil) != (got == nil) {
			t.Errorf("%v as a whole, %v in pieces", want, got)
		}
		if cap(whole.line) > 2*maxAnswer || len(whole.open) > maxDepth+1 {
			t.Errorf("%d bytes and %d arrays are kept", cap(whole.line), len(whole.open))
		}
	})
}
