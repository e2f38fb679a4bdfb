package observability

import (
	"io"
	"net/http"
)

// recorder remembers the status and size of an answer. It is not pooled: a
// goroutine that a handler left behind must never write into another answer.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// newRecorder wraps w, or returns it when it is a recorder already, so that
// stacked middlewares pay once.
func newRecorder(w http.ResponseWriter) *recorder {
	if rec, ok := w.(*recorder); ok {
		return rec
	}
	return &recorder{ResponseWriter: w}
}

// WriteHeader remembers the first final status; 1xx come before it.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// ReadFrom keeps the fast path of files to sockets.
func (r *recorder) ReadFrom(src io.Reader) (int64, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := io.Copy(r.ResponseWriter, src)
	r.bytes += n
	return n, err
}

// Flush sends what is buffered, where the connection can.
func (r *recorder) Flush() {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	_ = http.NewResponseController(r.ResponseWriter).Flush() // an http.Flusher can't tell
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// final is the status of the answer, once the handler returned or panicked. A
// panic is a 500 also when the status line had left: the answer is cut short.
func (r *recorder) final(returned bool) int {
	switch {
	case !returned:
		return http.StatusInternalServerError
	case r.status == 0:
		return http.StatusOK // net/http sends it for a handler that wrote nothing
	}
	return r.status
}
