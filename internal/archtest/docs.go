package archtest

import (
	"go/ast"
	"go/build/constraint"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// page is the documentation of one package, as pkgsite shows it.
type page struct {
	dir      string // below the module
	doc      *doc.Package
	symbols  int      // exported functions, types and methods
	examples int      // of those that have an Example
	without  []string // the others
}

// readPage reads the documentation of the package in a folder, with the examples of its tests.
func readPage(root, dir string) (*page, error) {
	names, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*.go"))
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		if !behindATag(f) {
			files = append(files, f)
		}
	}
	d, err := doc.NewFromFiles(fset, files, path.Join(module, dir))
	if err != nil {
		return nil, err
	}
	p := &page{dir: dir, doc: d}
	p.count("", d.Funcs)
	for _, t := range d.Types {
		p.add(t.Name, t.Examples)
		p.count("", t.Funcs)
		p.count(t.Name+".", t.Methods)
	}
	return p, nil
}

// behindATag reports whether a file is built only where a tag of ours asks for it.
func behindATag(f *ast.File) bool {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if c.Pos() < f.Package && constraint.IsGoBuild(c.Text) {
				x, err := constraint.Parse(c.Text)
				return err == nil && !x.Eval(func(tag string) bool { return tag == "linux" || tag == "unix" })
			}
		}
	}
	return false
}

func (p *page) count(prefix string, funcs []*doc.Func) {
	for _, f := range funcs {
		p.add(prefix+f.Name, f.Examples)
	}
}

func (p *page) add(name string, examples []*doc.Example) {
	p.symbols++
	if len(examples) > 0 {
		p.examples++
	} else {
		p.without = append(p.without, name)
	}
}

// share is how many symbols of a hundred have an Example.
func (p *page) share() int { return p.examples * 100 / max(1, p.symbols) }

// headings are the sections of the package's documentation, in order.
func (p *page) headings() (all []string) {
	for _, b := range p.doc.Parser().Parse(p.doc.Doc).Content {
		if h, ok := b.(*comment.Heading); ok {
			all = append(all, plain(h.Text))
		}
	}
	return all
}

// links are what the package's documentation links to, and what it puts into brackets like a
// name and no package of the module or of its imports has.
func (p *page) links() (links, broken []string) {
	seen := map[string]bool{}
	eachText(p.doc.Parser().Parse(p.doc.Doc).Content, func(t comment.Text) {
		switch t := t.(type) {
		case *comment.DocLink:
			seen[path.Join(t.ImportPath, t.Recv+"."+t.Name)] = true
		case comment.Plain:
			for rest := string(t); ; {
				_, after, found := strings.Cut(rest, "[")
				name, next, closed := strings.Cut(after, "]")
				if !found || !closed {
					return
				}
				if token.IsExported(name) || strings.Contains(name, ".") && !strings.Contains(name, " ") {
					broken = append(broken, name)
				}
				rest = next
			}
		}
	})
	return slices.Sorted(maps.Keys(seen)), broken
}

// eachText calls f with the texts of paragraphs and lists.
func eachText(blocks []comment.Block, f func(comment.Text)) {
	for _, b := range blocks {
		switch b := b.(type) {
		case *comment.Paragraph:
			for _, t := range b.Text {
				f(t)
			}
		case *comment.List:
			for _, item := range b.Items {
				eachText(item.Content, f)
			}
		}
	}
}

func plain(text []comment.Text) string {
	var b strings.Builder
	for _, t := range text {
		if s, ok := t.(comment.Plain); ok {
			b.WriteString(string(s))
		}
	}
	return b.String()
}
