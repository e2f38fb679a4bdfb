package main

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// What a handler did not read of a body. It is read before the answer, so that the connection can be
// used again, but not waited for: of a request that was sent whole, it is there. Where it is not,
// the answer is sent first, and who still sends has a few seconds to see it before the connection
// is closed. net/http alone waits for the read timeout with the answer.
const (
	restWait  = 500 * time.Millisecond // with the answer
	restSlack = 5 * time.Second        // after it
	maxRest   = 256 << 10              // of more, net/http closes the connection at once
)

// answerWriter is the answer to a request with a body.
type answerWriter struct {
	http.ResponseWriter

	body  *arrivingBody
	begun bool
}

// Unwrap returns the writer beneath, for http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *answerWriter) WriteHeader(status int) {
	if status >= http.StatusOK {
		w.begin()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *answerWriter) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b)
}

// FlushError is for http.ResponseController.
func (w *answerWriter) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// begin deals with the rest of the body, the first time it is called.
func (w *answerWriter) begin() {
	if w.begun {
		return
	}
	w.begun = true
	b := w.body
	if b.err != nil || b.length-b.read > maxRest {
		return // read to its end, given up by who read it, or closed by the server at once
	}
	conn := http.NewResponseController(w.ResponseWriter)
	if !b.asked { // who waits for "100 Continue" has sent nothing
		_ = conn.SetReadDeadline(time.Now().Add(restWait))
		if _, err := io.CopyN(io.Discard, b, maxRest+1); errors.Is(err, io.EOF) {
			_ = conn.SetReadDeadline(time.Time{}) // the next request sets another
			return
		}
	}
	// What comes now must not be read as the next request.
	w.Header().Set("Connection", "close")
	_ = conn.SetReadDeadline(time.Now().Add(restSlack))
}
