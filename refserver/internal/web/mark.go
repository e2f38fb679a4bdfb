package web

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// mark returns a page with what is wrong with the form that was sent to action: a summary at the
// top, which takes the focus and leads to the fields, the fields marked and described for those who
// do not see the page, and what was typed, but for what is private.
func (s *server) mark(page []byte, action string, f *refusal) ([]byte, error) {
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return nil, fmt.Errorf("read the page of a refused form: %w", err)
	}
	main := find(root, func(n *html.Node) bool { return n.DataAtom == atom.Main })
	if main == nil || find(main, func(n *html.Node) bool { return attr(n, "id") == "mistakes" }) != nil {
		return page, nil // it says so itself
	}
	if f.shown {
		dropNotes(main)
	}
	wrong := f.mistakes()
	form := formFor(main, action, f.form)
	if form != nil {
		keep(form, f.form)
		if only := onlyField(form); f.aboutInput() && len(wrong) == 1 && controlOf(form, wrong[0].Field) == nil {
			wrong[0].Field = only
		}
	}
	inOrder(form, wrong)
	for i := range wrong {
		wrong[i].Field = markField(form, wrong[i], i)
	}
	summary, err := s.summary(wrong)
	if err != nil {
		return nil, err
	}
	for _, n := range slices.Backward(summary) {
		main.InsertBefore(n, main.FirstChild)
	}
	if title := find(root, func(n *html.Node) bool { return n.DataAtom == atom.Title }); title != nil &&
		title.FirstChild != nil && !strings.HasPrefix(title.FirstChild.Data, "Error: ") {
		title.FirstChild.Data = "Error: " + title.FirstChild.Data
	}
	var out bytes.Buffer
	if err := html.Render(&out, root); err != nil {
		return nil, fmt.Errorf("write the page of a refused form: %w", err)
	}
	return out.Bytes(), nil
}

// inOrder sorts mistakes as the form has their fields. What is about no field of it comes first.
func inOrder(form *html.Node, wrong mistakes) {
	if form == nil {
		return
	}
	fields := controls(form)
	slices.SortStableFunc(wrong, func(a, b mistake) int {
		return slices.Index(fields, controlOf(form, a.Field)) - slices.Index(fields, controlOf(form, b.Field))
	})
}

// summary is the list of mistakes as the pages have it.
func (s *server) summary(wrong mistakes) ([]*html.Node, error) {
	var out bytes.Buffer
	if err := s.pages.pages["error"].ExecuteTemplate(&out, "mistakes", wrong); err != nil {
		return nil, fmt.Errorf("summary of mistakes: %w", err)
	}
	return html.ParseFragment(&out, &html.Node{Type: html.ElementNode, Data: "main", DataAtom: atom.Main})
}

// formFor is the form of a page that was sent to action: of several the one whose hidden fields
// hold what was sent.
func formFor(main *html.Node, action string, sent url.Values) *html.Node {
	var best *html.Node
	matching := -1
	for _, form := range all(main, func(n *html.Node) bool { return n.DataAtom == atom.Form }) {
		to, _, _ := strings.Cut(attr(form, "action"), "?")
		if !strings.EqualFold(attr(form, "method"), "post") || to != "" && to != action {
			continue
		}
		same := 0
		for _, c := range controls(form) {
			name := attr(c, "name")
			if sent.Has(name) {
				same++
			}
			if attr(c, "type") == "hidden" && slices.Contains(sent[name], attr(c, "value")) {
				same += 100
			}
		}
		if same > matching {
			best, matching = form, same
		}
	}
	return best
}

// controls are the fields of a form that have a name.
func controls(form *html.Node) []*html.Node {
	return all(form, func(n *html.Node) bool {
		return (n.DataAtom == atom.Input || n.DataAtom == atom.Select || n.DataAtom == atom.Textarea) &&
			attr(n, "name") != ""
	})
}

// private reports whether what is typed into a field is never shown again: passwords, codes, and what
// is on a payment card. Forms say so by type and autocomplete.
func private(c *html.Node) bool {
	if attr(c, "type") == "password" {
		return true
	}
	return slices.ContainsFunc(strings.Fields(attr(c, "autocomplete")), func(token string) bool {
		return strings.HasPrefix(token, "cc-") || token == "one-time-code" || strings.HasSuffix(token, "-password")
	})
}

// keep fills what was sent into the fields of a form, but for those that are private, and for files and
// hidden fields. Of fields with one name each gets its own.
func keep(form *html.Node, sent url.Values) {
	taken := map[string]int{} // of the values of a name
	for _, c := range controls(form) {
		values := sent[attr(c, "name")]
		switch kind := attr(c, "type"); {
		case private(c):
			drop(c, "value")
		case kind == "hidden" || kind == "file" || kind == "submit":
		case kind == "checkbox" || kind == "radio":
			if len(sent) > 0 {
				flag(c, "checked", slices.Contains(values, valueOf(c)))
			}
		case c.DataAtom == atom.Select:
			choose(c, values)
		default:
			n := taken[attr(c, "name")]
			if n >= len(values) {
				continue
			}
			taken[attr(c, "name")]++
			if c.DataAtom == atom.Textarea {
				text(c, values[n])
			} else {
				set(c, "value", values[n])
			}
		}
	}
}

// choose selects the options with the values. Where there is none the choice of the page stays.
func choose(c *html.Node, values []string) {
	options := all(c, func(n *html.Node) bool { return n.DataAtom == atom.Option })
	chosen := func(o *html.Node) bool { return slices.Contains(values, valueOf(o)) }
	if !slices.ContainsFunc(options, chosen) {
		return
	}
	for _, o := range options {
		flag(o, "selected", chosen(o))
	}
}

// valueOf is what a box or an option sends when it is chosen.
func valueOf(n *html.Node) string {
	for _, a := range n.Attr {
		if a.Key == "value" {
			return a.Val
		}
	}
	if n.DataAtom != atom.Option {
		return "on"
	}
	return textOf(n)
}

// textOf is the text of a node.
func textOf(n *html.Node) string {
	var words strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			words.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(words.String()), " ")
}

// markField marks the field that a mistake is about and says at it what is wrong. It returns the id
// to lead to; empty where the form has no such field.
func markField(form *html.Node, wrong mistake, n int) string {
	c := controlOf(form, wrong.Field)
	if c == nil {
		return ""
	}
	id := attr(c, "id")
	if id == "" {
		id = fmt.Sprintf("wrong-field-%d", n+1)
		set(c, "id", id)
	}
	said := fmt.Sprintf("wrong-%d", n+1)
	set(c, "aria-invalid", "true")
	set(c, "aria-describedby", strings.TrimSpace(said+" "+attr(c, "aria-describedby")))
	if own := ownWords(form, c, wrong.Message); own != nil {
		set(own, "id", said)
		return id
	}
	p := &html.Node{Type: html.ElementNode, Data: "p", DataAtom: atom.P}
	set(p, "class", "wrong")
	set(p, "id", said)
	text(p, wrong.Message)
	at := c
	for at.Parent != nil && at.Parent != form && (at.Parent.DataAtom == atom.Label || at.Parent.DataAtom == atom.P) {
		at = at.Parent
	}
	at.Parent.InsertBefore(p, at.NextSibling)
	for up := c.Parent; up != nil; up = up.Parent {
		if up.DataAtom == atom.Details {
			flag(up, "open", true)
		}
	}
	return id
}

// ownWords is where the page itself says at a field what is wrong with it, nil for nowhere.
func ownWords(form, c *html.Node, message string) *html.Node {
	for up := c.Parent; up != nil && up != form && up.DataAtom != atom.Fieldset; up = up.Parent {
		own := find(up, func(n *html.Node) bool {
			return n.DataAtom == atom.P && attr(n, "class") == "wrong" && attr(n, "id") == "" && textOf(n) == message
		})
		if own != nil {
			return own
		}
	}
	return nil
}

// dropNotes removes what a page says itself about the refusal, and what refers to it. A note that
// has data-stays is about something else.
func dropNotes(main *html.Node) {
	refuses := func(n *html.Node) bool {
		words := strings.Fields(attr(n, "class"))
		return attr(n, "role") == "alert" && slices.Contains(words, "note") && slices.Contains(words, "bad") &&
			!slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "data-stays" })
	}
	for _, note := range all(main, refuses) {
		note.Parent.RemoveChild(note)
		var gone []string
		for _, n := range append(all(note, func(n *html.Node) bool { return attr(n, "id") != "" }), note) {
			gone = append(gone, attr(n, "id"))
		}
		for _, n := range all(main, func(n *html.Node) bool { return attr(n, "aria-describedby") != "" }) {
			ids := slices.DeleteFunc(strings.Fields(attr(n, "aria-describedby")), func(id string) bool {
				return slices.Contains(gone, id)
			})
			set(n, "aria-describedby", strings.Join(ids, " "))
		}
	}
}

// onlyField is the name of the field of a form that people fill in, where there is one alone.
func onlyField(form *html.Node) string {
	var names []string
	for _, c := range controls(form) {
		if attr(c, "type") != "hidden" && !slices.Contains(names, attr(c, "name")) {
			names = append(names, attr(c, "name"))
		}
	}
	if len(names) != 1 {
		return ""
	}
	return names[0]
}

// controlOf is the field of a name that can be seen. A new password is a password too, and a page may
// leave the first word of a name away.
func controlOf(form *html.Node, name string) *html.Node {
	if form == nil || name == "" {
		return nil
	}
	_, rest, _ := strings.Cut(name, "_")
	for _, as := range []string{name, "new_" + name, rest} {
		for _, c := range controls(form) {
			if attr(c, "name") == as && attr(c, "type") != "hidden" {
				return c
			}
		}
	}
	return nil
}

// all are the nodes below n that match, in order.
func all(n *html.Node, match func(*html.Node) bool) []*html.Node {
	var out []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && match(d) {
			out = append(out, d)
		}
	}
	return out
}

// find is the first node below n that matches; nil for none.
func find(n *html.Node, match func(*html.Node) bool) *html.Node {
	if found := all(n, match); len(found) > 0 {
		return found[0]
	}
	return nil
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func set(n *html.Node, name, value string) {
	for i := range n.Attr {
		if n.Attr[i].Key == name {
			n.Attr[i].Val = value
			return
		}
	}
	n.Attr = append(n.Attr, html.Attribute{Key: name, Val: value})
}

func drop(n *html.Node, name string) {
	n.Attr = slices.DeleteFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// flag sets an attribute that has no value, or takes it away.
func flag(n *html.Node, name string, on bool) {
	drop(n, name)
	if on {
		n.Attr = append(n.Attr, html.Attribute{Key: name})
	}
}

// text makes the words the only content of n.
func text(n *html.Node, words string) {
	for n.FirstChild != nil {
		n.RemoveChild(n.FirstChild)
	}
	n.AppendChild(&html.Node{Type: html.TextNode, Data: words})
}
