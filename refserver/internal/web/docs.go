package web

import (
	"net/http"

	"github.com/returnkit/returnkit/refserver/internal/openapi"
)

// docsAddress is where the description of the HTTP interface is read, documentAddress where
// programs get it.
const (
	docsAddress     = "/api/docs"
	documentAddress = "/api/openapi.yaml"
)

func (s *server) docsRoutes() {
	s.public("GET "+docsAddress, s.docsPage)
	s.handle("GET "+documentAddress, s.adapt(s.document))
}

// document answers the description of the HTTP interface.
func (s *server) document(w http.ResponseWriter, _ *http.Request) error {
	text, err := openapi.YAML()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/yaml") // RFC 9512
	_, err = w.Write(text)
	return err
}

// docsPage shows the description to people.
func (s *server) docsPage(w http.ResponseWriter, r *http.Request) error {
	view, err := s.docs()
	if err != nil {
		return err
	}
	return s.page(w, r, "api_docs", "HTTP interface", view)
}
