package upload

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is a listener for one connection, in memory, so that its deadlines go by the clock of a
// synctest bubble.
type pipe struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conn:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error { close(p.closed); return nil }

func (p *pipe) Addr() net.Addr { return &net.UnixAddr{} }

// TestTheTimeToArriveEndsWithTheBody: net/http watches a connection whose request was read, and
// takes a deadline that passes for a client that is gone. One that was left there ended requests
// whose photos waited for their turn for 20 seconds, and all later ones of the connection.
func TestTheTimeToArriveEndsWithTheBody(t *testing.T) {
	kind, fields := form("name", "value", "photos/a", strings.Repeat("photo", 1000))
	object := `{"photos":["` + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("photo", 1000))) + `"]}`
	asForm := func(in *Intake) error { return in.ReadForm(nil) }
	asJSON := func(in *Intake) error { _, err := in.ReadJSON(nil); return err }
	for _, tc := range []struct {
		name, kind, body string
		read             func(*Intake) error
	}{
		{"a form", kind, fields, asForm},
		{"a form with something after it", kind, fields + "\r\nmore", asForm},
		{"fields", "application/x-www-form-urlencoded", "name=value", asForm},
		{"no form", "text/plain", "hello", asForm},
		{"JSON", "application/json", object, asJSON},
	} {
		whole := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(tc.body), tc.body)
		chunk := fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(tc.body), tc.body)
		for _, how := range []struct {
			name, rest string
			read       bool // before, as the bodies are that may not be large
		}{{"whole", whole, false}, {"in chunks", chunk, false}, {"read before", whole, true}} {
			t.Run(tc.name+" "+how.name, func(t *testing.T) {
				b := newBench(t, Config{})
				request := "POST / HTTP/1.1\r\nHost: shop\r\nContent-Type: " + tc.kind + "\r\n" + how.rest
				synctest.Test(t, func(t *testing.T) { staysAlive(t, b, request, how.read, tc.read) })
			})
		}
	}
}

// staysAlive sends a request twice over one connection, whose work takes longer than the body may.
func staysAlive(t *testing.T, b *bench, request string, before bool, read func(*Intake) error) {
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before {
			data, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			r.Body = io.NopCloser(bytes.NewReader(data))
		}
		in, err := b.Begin(w, r, "ada", false)
		if err == nil {
			defer in.Close()
			err = read(in)
		}
		if err != nil {
			t.Error(err)
			return
		}
		select {
		case <-r.Context().Done():
			t.Errorf("it was given up: %v", r.Context().Err())
		case <-time.After(work - time.Second):
		}
	})}
	l := &pipe{make(chan net.Conn), make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	conn, theirs := net.Pipe()
	l.conn <- theirs
	answers := bufio.NewReader(conn)
	for range 2 {
		sent := make(chan error, 1)
		go func() { _, err := io.WriteString(conn, request); sent <- err }()
		res, err := http.ReadResponse(answers, nil)
		if err == nil {
			err = errors.Join(res.Body.Close(), <-sent)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(conn.Close(), srv.Close()); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}
