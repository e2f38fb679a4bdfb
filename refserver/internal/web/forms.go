package web

import (
	"fmt"
	"slices"
	"strings"
)

// field is an input of a form with its label, its hint and what is wrong with it.
type field struct {
	Name, Label, Value, Hint string
	Kind                     string // the type of the input, or textarea or select; empty: text
	Mode                     string // inputmode, such as numeric
	Autocomplete             string
	Placeholder              string
	Suggestions              string // id of a list of suggestions
	Pattern                  string
	Max                      int // characters; 0: no limit
	Min                      int // characters
	Required, ReadOnly       bool
	Focus                    bool // the cursor begins here
	Options                  []option
	Wrong                    string // what is wrong; empty: nothing
}

// option is a choice of a select or of a group of boxes.
type option struct {
	Value, Text string
	On          bool
}

// DescribedBy names what explains the input: its mistake, its hint.
func (f field) DescribedBy() string {
	var ids []string
	if f.Wrong != "" {
		ids = append(ids, f.Name+"-wrong")
	}
	if f.Hint != "" {
		ids = append(ids, f.Name+"-hint")
	}
	return strings.Join(ids, " ")
}

// Type is the type attribute of the input.
func (f field) Type() string {
	if f.Kind == "" {
		return "text"
	}
	return f.Kind
}

// group is a group of boxes of one name.
type group struct {
	Name, Legend, Hint, Wrong string
	All                       string // the choice that stands for all of them; empty: there is none
	AllOn                     bool
	Options                   []option
}

// mistake is one thing that is wrong with a form, and the input it is about.
type mistake struct{ Field, Message string }

// mistakes are all that is wrong with a form, in the order of its inputs.
type mistakes []mistake

// add notes a mistake; the first of a field stays.
func (m *mistakes) add(field, format string, args ...any) {
	if m.of(field) == "" {
		*m = append(*m, mistake{field, fmt.Sprintf(format, args...)})
	}
}

// of returns what is wrong with a field; empty is nothing.
func (m mistakes) of(field string) string {
	i := slices.IndexFunc(m, func(one mistake) bool { return one.Field == field })
	if i < 0 {
		return ""
	}
	return m[i].Message
}

// titled is the title of a page with a form: a mistake is said first.
func (m mistakes) titled(title string) string {
	if len(m) == 0 {
		return title
	}
	return "Error: " + title
}
