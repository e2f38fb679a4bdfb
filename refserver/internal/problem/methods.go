package problem

import "net/http"

// Methods returns which methods the address of a request takes, as in an Allow header;
// empty where the mux has nothing there. The request matches no pattern of the mux.
func Methods(mux *http.ServeMux, r *http.Request) string {
	probe := &statusOnly{header: http.Header{}}
	mux.ServeHTTP(probe, r)
	if probe.status != http.StatusMethodNotAllowed {
		return ""
	}
	return probe.header.Get("Allow")
}

// statusOnly learns what a handler would answer.
type statusOnly struct {
	header http.Header
	status int
}

func (p *statusOnly) Header() http.Header         { return p.header }
func (p *statusOnly) WriteHeader(status int)      { p.status = status }
func (p *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
