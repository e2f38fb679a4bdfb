package mailing

import (
	"bytes"
	"embed"
	"html/template"
	textTemplate "text/template"

	"github.com/returnkit/returnkit/refserver/internal/auth/mail"
)

//go:embed templates
var templates embed.FS

// Both are compiled in, so that they can be parsed.
var (
	htmlMail = template.Must(template.ParseFS(templates, "templates/message.html"))
	textMail = textTemplate.Must(textTemplate.ParseFS(templates, "templates/message.txt"))
)

// Content is what a mail says.
type Content struct {
	Subject  string   `json:"subject"`
	Lines    []string `json:"lines"`     // paragraphs
	Link     string   `json:"link"`      // an address of the shop, from its root such as /account; empty: none
	LinkText string   `json:"link_text"` // what it is called
}

// Render makes a mail of its content, in plain text and in HTML. Links in it lead to base, and
// footer says why it came.
func Render(c Content, base, footer string) (m mail.Message, err error) {
	data := struct {
		Content
		Footer string
	}{c, footer}
	if data.Link != "" {
		data.Link = base + data.Link
	}
	var text, page bytes.Buffer
	if err := textMail.Execute(&text, data); err != nil {
		return m, err
	}
	if err := htmlMail.Execute(&page, data); err != nil {
		return m, err
	}
	return mail.Message{Subject: c.Subject, Text: text.String(), HTML: page.String()}, nil
}
