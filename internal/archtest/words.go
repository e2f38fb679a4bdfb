package archtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// word is an expression that is not used, and what is written instead.
type word struct {
	re      *regexp.Regexp
	scopes  []string
	instead string
}

// The scopes of a word.
const (
	scopeNames     = "names"     // what Go code declares
	scopeComments  = "comments"  // of Go code
	scopeMessages  = "messages"  // the strings of Go code, those of one lower-case word aside
	scopeTemplates = "templates" // HTML
	scopeDocuments = "documents" // Markdown
)

var scopes = []string{scopeNames, scopeComments, scopeMessages, scopeTemplates, scopeDocuments}

// parseWords reads words.txt: one word a line, of three fields with tabs between them, the
// regular expression, its scopes with commas between them, and the replacement. A space in
// an expression is any white space; but for names, case is no matter.
func parseWords(text []byte) ([]word, error) {
	var words []word
	var wrong []error
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		w, err := parseWord(line)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("words.txt:%d: %w", number, err))
		}
		words = append(words, w)
	}
	return words, errors.Join(append(wrong, lines.Err())...)
}

func parseWord(line string) (word, error) {
	fields := regexp.MustCompile(`\t+`).Split(line, -1)
	if len(fields) != 3 {
		return word{}, fmt.Errorf("%d fields; there are three with tabs between them: "+
			"expression, scopes, replacement", len(fields))
	}
	w := word{scopes: strings.Split(fields[1], ","), instead: fields[2]}
	for _, s := range w.scopes {
		if !slices.Contains(scopes, s) {
			return word{}, fmt.Errorf("%q is not a scope; allowed are %s", s, strings.Join(scopes, ", "))
		}
	}
	expression := fields[0]
	if !slices.Contains(w.scopes, scopeNames) {
		expression = "(?i)" + strings.ReplaceAll(expression, " ", `\s+`)
	} else if len(w.scopes) > 1 {
		return word{}, fmt.Errorf("%s stands with no other scope: case matters there", scopeNames)
	}
	var err error
	w.re, err = regexp.Compile(expression)
	return w, err
}

// passage is a piece of a file to which words of a scope apply.
type passage struct {
	scope  string
	offset int
	text   string
}

// checkWords finds the words in a file.
func checkWords(s source, words []word) []finding {
	var found []finding
	for _, p := range s.passages() {
		for _, w := range words {
			if !slices.Contains(w.scopes, p.scope) {
				continue
			}
			for _, at := range w.re.FindAllStringIndex(p.text, -1) {
				match := strings.Join(strings.Fields(p.text[at[0]:at[1]]), " ")
				found = append(found, s.finding("words", s.line(p.offset+at[0]),
					fmt.Sprintf("%q in %s: write %s", match, p.scope, w.instead)))
			}
		}
	}
	return found
}

func (s source) passages() []passage {
	switch filepath.Ext(s.path) {
	case ".go":
		return s.goPassages()
	case ".html":
		return []passage{{scopeTemplates, 0, string(s.text)}}
	case ".md":
		return []passage{{scopeDocuments, 0, string(s.text)}}
	}
	return nil
}

func (s source) goPassages() []passage {
	var all []passage
	add := func(scope string, n ast.Node) {
		from, to := s.offset(n.Pos()), s.offset(n.End())
		all = append(all, passage{scope, from, string(s.text[from:to])})
	}
	for _, group := range s.file.Comments {
		add(scopeComments, group)
		last := &all[len(all)-1]
		last.text = marker.ReplaceAllStringFunc(last.text, func(m string) string { return strings.Repeat(" ", len(m)) })
	}
	for _, name := range declared(s.file) {
		add(scopeNames, name)
	}
	tags := map[*ast.BasicLit]bool{} // are no messages
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			if n.Tag != nil {
				tags[n.Tag] = true
			}
		case *ast.BasicLit:
			if n.Kind == token.STRING && !tags[n] && !wire.MatchString(n.Value) {
				add(scopeMessages, n)
			}
		}
		return true
	})
	return all
}

// wire is a string that a machine reads: a status, a code, a path.
var wire = regexp.MustCompile("^[\"`][a-z0-9_./:-]*[\"`]$")

// marker is what begins a line of a comment: blanks of the same length keep offsets right.
var marker = regexp.MustCompile(`(?m)^\s*(//|/\*|\*)`)

func (s source) offset(p token.Pos) int { return s.fset.Position(p).Offset }

// declared are the names that a file gives to something.
func declared(file *ast.File) []*ast.Ident {
	var names []*ast.Ident
	add := func(of ...ast.Expr) {
		for _, e := range of {
			if id, ok := e.(*ast.Ident); ok {
				names = append(names, id)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			names = append(names, n.Name)
		case *ast.TypeSpec:
			names = append(names, n.Name)
		case *ast.ValueSpec:
			names = append(names, n.Names...)
		case *ast.Field:
			names = append(names, n.Names...)
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				add(n.Lhs...)
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				add(n.Key, n.Value)
			}
		}
		return true
	})
	return names
}
