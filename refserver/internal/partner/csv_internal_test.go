package partner

import (
	"encoding/csv"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestTheLimitOfCSVSeesTheColumnsThatTheReaderSplits, in any mix of quotes, commas and lines.
func TestTheLimitOfCSVSeesTheColumnsThatTheReaderSplits(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		text := ""
		for range rng.IntN(12) {
			text += string("a,\"\n\r"[rng.IntN(5)])
		}
		text += "\n"
		if got, want := columnsSeen(text), columnsSplit(t, text); !agree(got, want) {
			t.Fatalf("%q: the limit counts %d, the reader splits %d (0: wrong)", text, got, want)
		}
	}
}

// agree compares the counts; of a record that is wrong (0) the limit counts as far as it likes.
func agree(seen, split []int) bool {
	return slices.EqualFunc(seen, split, func(a, b int) bool { return a == b || b == 0 })
}

func columnsSeen(text string) (columns []int) {
	l := &csvLimit{}
	line := 0
	for i := range len(text) {
		was := l.columns + 1
		l.next(text[i])
		if l.size > 0 { // the record is not complete
			continue
		}
		if blank := strings.Trim(text[line:i], "\r"); blank != "" || strings.Count(text[line:i], "\r") > 1 {
			columns = append(columns, was)
		}
		line = i + 1
	}
	if l.size > 0 { // in quotes that are not closed
		columns = append(columns, l.columns+1)
	}
	return columns
}

func columnsSplit(t *testing.T, text string) (columns []int) {
	in := csv.NewReader(strings.NewReader(text))
	in.FieldsPerRecord = -1
	for {
		cells, err := in.Read()
		var wrong *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return columns
		case errors.As(err, &wrong):
			columns = append(columns, 0)
		case err != nil:
			t.Fatal(err)
		default:
			columns = append(columns, len(cells))
		}
	}
}
