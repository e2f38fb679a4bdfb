package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// TestAnAnswerDoesNotWaitForABodyThatNobodyReads: who sent half of a body to a page that may not be
// used was answered after 60 seconds, when the server gave the rest up.
func TestAnAnswerDoesNotWaitForABodyThatNobodyReads(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	_, address := connServer(t, 64, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/flushed":
			_ = http.NewResponseController(w).Flush()
		case "/long": // more than the server keeps before it begins to send
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
		case "/silent":
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	// What comes later is of the body, or nobody's.
	smuggled := strings.Repeat("GET /smuggled HTTP/1.1\r\nHost: shop\r\n\r\n", 4)
	var want int64
	t.Cleanup(func() {
		if got := asked.Load(); got != want {
			t.Errorf("%d requests were made, the handler saw %d", want, got)
		}
	})
	for _, test := range []struct{ name, path, header, part, rest string }{
		{"a form", "/", "Content-Length: 100", "a=", smuggled},
		{"a body of chunks", "/", "Transfer-Encoding: chunked", "50\r\na=", smuggled},
		{"nothing of it", "/", "Content-Length: 100", "", smuggled},
		{"an answer by itself", "/silent", "Content-Length: 100", "a=", smuggled},
		{"an answer that is flushed", "/flushed", "Content-Length: 100", "a=", smuggled},
		{"a long answer", "/long", "Content-Length: 100", "a=", smuggled},
		{"who waits to be asked", "/", "Content-Length: 100\r\nExpect: 100-continue", "", smuggled},
		{"a large body", "/", fmt.Sprintf("Content-Length: %d", 1<<30), "a=", ""},
	} {
		want++
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, address, "POST "+test.path+" HTTP/1.1\r\nHost: shop\r\n"+test.header+"\r\n\r\n"+test.part)
			in := bufio.NewReader(conn)
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if _, err := io.Copy(io.Discard, res.Body); err != nil {
				t.Error(err)
			}
			if !res.Close {
				t.Error("the answer does not say that the connection is closed")
			}
			_, _ = io.WriteString(conn, test.rest)
			if after, _ := io.ReadAll(in); len(after) > 0 {
				t.Errorf("what came after the answer was answered, too: %q", after)
			}
		})
	}
}

// TestAConnectionIsUsedAgainAfterABodyThatNobodyRead: a request that was sent whole leaves its
// connection as any other does.
func TestAConnectionIsUsedAgainAfterABodyThatNobodyRead(t *testing.T) {
	t.Parallel()
	_, address := connServer(t, 8, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			_, _ = io.ReadFull(r.Body, make([]byte, 8))
		}
		_, _ = io.WriteString(w, r.URL.Path)
	}))
	body := strings.Repeat("b", 64<<10)
	var sent strings.Builder
	paths := []string{"/none", "/half", "/none", "/half"}
	for i, path := range paths {
		header, data := fmt.Sprintf("Content-Length: %d", len(body)), body
		if i > 1 {
			header, data = "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		}
		fmt.Fprintf(&sent, "POST %s HTTP/1.1\r\nHost: shop\r\n%s\r\n\r\n%s", path, header, data)
	}
	in := bufio.NewReader(dial(t, address, sent.String()))
	for _, path := range paths {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(res.Body); err != nil || string(got) != path || res.Close {
			t.Errorf("%s was answered %q, %v, closed %v", path, got, err, res.Close)
		}
		_ = res.Body.Close()
	}
}
