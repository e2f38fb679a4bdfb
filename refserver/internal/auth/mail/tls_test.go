package mail

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
)

// TestSMTPSIsSpokenFromTheFirstByte: the certificate is checked, and a password is sent within TLS.
func TestSMTPSIsSpokenFromTheFirstByte(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	said := make(chan string, 2)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				var all strings.Builder
				fmt.Fprint(conn, "220 test\r\n")
				data := false
				for in := bufio.NewScanner(conn); in.Scan(); {
					line := in.Text()
					all.WriteString(line + "\n")
					switch {
					case data && line != ".":
					case strings.HasPrefix(line, "EHLO"):
						fmt.Fprint(conn, "250-test\r\n250 AUTH PLAIN\r\n")
					case strings.HasPrefix(line, "AUTH"):
						fmt.Fprint(conn, "235 ok\r\n")
					case line == "DATA":
						data = true
						fmt.Fprint(conn, "354 go on\r\n")
					case line == "QUIT":
						fmt.Fprint(conn, "221 bye\r\n")
						said <- all.String()
						return
					default:
						data = false
						fmt.Fprint(conn, "250 ok\r\n")
					}
				}
			}()
		}
	}()
	ctx, cancel := testreq.Context(t)
	defer cancel()
	s, err := NewSMTP("smtps://ada:secret@"+l.Addr().String(), "shop@example.com")
	if err != nil {
		t.Fatal(err)
	}
	m := Message{To: "ada@example.com", Subject: "Reset", Text: "the link"}
	if err := s.Send(ctx, m); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
	s.tls.RootCAs = x509.NewCertPool()
	s.tls.RootCAs.AddCert(web.Certificate())
	if err := s.Send(ctx, m); err != nil {
		t.Fatal(err)
	}
	if text := <-said; !strings.Contains(text, "AUTH PLAIN ") || !strings.Contains(text, "the link") {
		t.Errorf("it was sent %s", text)
	}
}
