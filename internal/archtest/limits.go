package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The limits of the house.
const (
	mostLines     = 60  // of a function
	mostTestLines = 120 // of a function in tests and suites, where branches are not counted
	mostBranches  = 15
	mostColumns   = 120
	mostFileLines = 450 // of a file of tests or of a suite
	tabColumns    = 4
)

// checkFunctions finds functions that are too long or branch too often. A closure counts
// with the function around it. Rows of a table are not counted, unless they hold a function.
func checkFunctions(s source) []finding {
	if s.file == nil {
		return nil
	}
	var found []finding
	for _, decl := range s.file.Decls {
		ast.Inspect(decl, func(n ast.Node) bool {
			name, body := "func", (*ast.BlockStmt)(nil)
			switch n := n.(type) {
			case *ast.FuncDecl:
				name, body = n.Name.Name, n.Body
			case *ast.FuncLit:
				body = n.Body
			}
			if body == nil {
				return true
			}
			found = append(found, s.checkFunction(name, n, body)...)
			return false
		})
	}
	return found
}

func (s source) checkFunction(name string, n ast.Node, body *ast.BlockStmt) []finding {
	var found []finding
	first := s.fset.Position(n.Pos()).Line
	limit := mostLines
	if s.test() {
		limit = mostTestLines
	}
	if lines := s.lines(n) - s.tableLines(body); lines > limit {
		found = append(found, s.finding("function-lines", first,
			fmt.Sprintf("%s has %d lines of %d", name, lines, limit)))
	}
	if branches := countBranches(body); branches > mostBranches && !s.test() {
		found = append(found, s.finding("function-branches", first,
			fmt.Sprintf("%s has %d branches of %d", name, branches, mostBranches)))
	}
	return found
}

func (s source) lines(n ast.Node) int {
	return s.fset.Position(n.End()).Line - s.fset.Position(n.Pos()).Line + 1
}

// tableLines are the lines of the rows of slices, arrays and maps that hold data alone.
func (s source) tableLines(body *ast.BlockStmt) int {
	lines := 0
	ast.Inspect(body, func(n ast.Node) bool {
		table, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		switch table.Type.(type) {
		case *ast.ArrayType, *ast.MapType:
		default:
			return true
		}
		last := s.fset.Position(table.Lbrace).Line // the line of the brace is code
		for _, row := range table.Elts {
			from, to := s.fset.Position(row.Pos()).Line, s.fset.Position(row.End()).Line
			if from = max(from, last+1); !holdsFunction(row) && from <= to {
				lines += to - from + 1
			}
			last = to
		}
		return false
	})
	return lines
}

func holdsFunction(row ast.Node) bool {
	holds := false
	ast.Inspect(row, func(n ast.Node) bool {
		_, ok := n.(*ast.FuncLit)
		holds = holds || ok
		return !holds
	})
	return holds
}

// countBranches counts if, for, case, && and ||.
func countBranches(body *ast.BlockStmt) int {
	branches := 0
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt:
			branches++
		case *ast.CaseClause:
			if n.List != nil { // default is none
				branches++
			}
		case *ast.CommClause:
			if n.Comm != nil {
				branches++
			}
		case *ast.BinaryExpr:
			if n.Op == token.LAND || n.Op == token.LOR {
				branches++
			}
		}
		return true
	})
	return branches
}

// checkWidth finds lines that are too wide. Prose in Markdown is not code.
func checkWidth(s source) []finding {
	if filepath.Ext(s.path) == ".md" {
		return nil
	}
	var found []finding
	number := 0
	for line := range strings.Lines(string(s.text)) {
		number++
		line = strings.TrimRight(line, "\r\n")
		columns := utf8.RuneCountInString(line) + (tabColumns-1)*strings.Count(line, "\t")
		if columns > mostColumns {
			found = append(found, s.finding("line-width", number,
				fmt.Sprintf("%d columns of %d", columns, mostColumns)))
		}
	}
	return found
}

// checkLength finds files of tests and suites that hold more than one matter.
func checkLength(s source) []finding {
	lines := bytes.Count(s.text, []byte("\n"))
	if s.file == nil || !s.test() || lines <= mostFileLines {
		return nil
	}
	return []finding{s.finding("file-lines", lines, fmt.Sprintf("%d lines of %d", lines, mostFileLines))}
}

var (
	openTag = regexp.MustCompile(`<([a-zA-Z][a-zA-Z0-9-]*)`)
	// inline are the elements that stand within a sentence.
	inline = map[string]bool{
		"a": true, "abbr": true, "b": true, "br": true, "code": true, "em": true, "i": true, "kbd": true,
		"small": true, "span": true, "strong": true, "time": true, "wbr": true,
	}
)

// checkElements finds lines of templates that open more than one element, those within a
// sentence aside.
func checkElements(s source) []finding {
	if filepath.Ext(s.path) != ".html" {
		return nil
	}
	var found []finding
	number := 0
	for line := range strings.Lines(string(s.text)) {
		number++
		var opened []string
		for _, tag := range openTag.FindAllStringSubmatch(line, -1) {
			if name := strings.ToLower(tag[1]); !inline[name] {
				opened = append(opened, name)
			}
		}
		if len(opened) > 1 {
			found = append(found, s.finding("template-elements", number, "opens "+strings.Join(opened, ", ")))
		}
	}
	return found
}
