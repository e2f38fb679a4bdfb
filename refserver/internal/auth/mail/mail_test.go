package mail_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/auth/mail"
)

// serveSMTP takes one mail and returns what was sent.
func serveSMTP(t *testing.T) (address string, got <-chan string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	text := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var all strings.Builder
		fmt.Fprint(conn, "220 test\r\n")
		data := false
		for in := bufio.NewScanner(conn); in.Scan(); {
			line := in.Text()
			all.WriteString(line + "\n")
			switch {
			case data && line == ".":
				data = false
				fmt.Fprint(conn, "250 ok\r\n")
			case data:
			case line == "DATA":
				data = true
				fmt.Fprint(conn, "354 go on\r\n")
			case line == "QUIT":
				fmt.Fprint(conn, "221 bye\r\n")
				text <- all.String()
				return
			default:
				fmt.Fprint(conn, "250 ok\r\n")
			}
		}
	}()
	return l.Addr().String(), text
}

func TestSMTPSendsAMessage(t *testing.T) {
	t.Parallel()
	address, got := serveSMTP(t)
	s, err := mail.NewSMTP("smtp://"+address, "shop@example.com")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := testreq.Context(t)
	defer cancel()
	if err := s.Send(ctx, mail.Message{
		To: "ada@example.com", Subject: "Reset", Text: "the link", HTML: "<p>the page</p>", ID: "m1", Optional: true,
		Unsubscribe: "https://shop.example.com/account#mail",
	}); err != nil {
		t.Fatal(err)
	}
	text := <-got
	for _, want := range []string{
		"MAIL FROM:<shop@example.com>", "RCPT TO:<ada@example.com>", "Subject: Reset", "the link", "<p>the page</p>",
		"multipart/alternative", "Message-ID: <m1@example.com>", "Auto-Submitted: auto-generated",
		"List-Unsubscribe: <https://shop.example.com/account#mail>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
}

func TestAnOutboxKeepsTheLastHundred(t *testing.T) {
	t.Parallel()
	var o mail.Outbox
	for i := range 101 {
		if err := o.Send(t.Context(), mail.Message{Subject: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if list := o.Messages(); len(list) != 100 || list[0].Subject != "100" || list[99].Subject != "1" {
		t.Errorf("%d messages from %q", len(list), list[0].Subject)
	}
}
