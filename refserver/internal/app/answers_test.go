package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/payment/stripegateway"
	"github.com/returnkit/returnkit/refserver/internal/auth/mail"
	"github.com/returnkit/returnkit/refserver/internal/outbound"
	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/redisthrottle"
)

// endless answers every connection with begin, and then with more again and again. It sends the
// number of bytes that it got rid of before the other side had enough.
func endless(t *testing.T, begin, more string) (address string, sent <-chan int) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	counts := make(chan int, 16)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				go func() { _, _ = io.Copy(io.Discard, conn) }()
				n, err := io.WriteString(conn, begin)
				piece := bytes.Repeat([]byte(more), 1+(64<<10)/len(more))
				for all := n; ; all += n {
					if err != nil || all > 1<<30 {
						counts <- all
						return
					}
					n, err = conn.Write(piece)
				}
			}()
		}
	}()
	return l.Addr().String(), counts
}

// TestWhatAnswersWithoutEndIsGivenUp: each kind of thing that answers us, with an answer without
// end, is heard to a bound of bytes, long before its time is up.
func TestWhatAnswersWithoutEndIsGivenUp(t *testing.T) {
	t.Parallel()
	// What the system holds of what nobody reads, and of a provider's answer what it may be.
	const room = 32 << 20
	send := func(scheme string) func(context.Context, string) error {
		return func(ctx context.Context, address string) error {
			s, err := mail.NewSMTP(scheme+"://"+address, "shop@example.com")
			if err != nil {
				t.Fatal(err)
			}
			return s.Send(ctx, mail.Message{To: "ada@example.com", Subject: "Reset", Text: "the link"})
		}
	}
	refund := func(ctx context.Context, address string) error {
		g, err := stripegateway.New(stripegateway.Config{
			Key: "sk_test_1", URL: "http://" + address, Transport: providerTransport(),
		})
		if err != nil {
			t.Fatal(err)
		}
		found := g.FindRefund(ctx, payment.RefundRequest{AttemptID: "a", PaymentProviderID: "pi_1"})
		if found.Outcome == payment.OutcomeUnknown {
			return errors.New(found.Message)
		}
		return nil
	}
	fetch := func(ctx context.Context, address string) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := outbound.NewClient(time.Hour, true).Do(r)
		if err == nil {
			res.Body.Close()
		}
		return err
	}
	decide := func(ctx context.Context, address string) error {
		client, err := redisthrottle.Dial("redis://" + address)
		if err != nil {
			return err
		}
		defer client.Close()
		f, err := redisthrottle.NewFair(client, "x:", throttle.FairConfig{Limit: throttle.PerSecond(1, 1)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Take(ctx, "key", 1)
		return err
	}
	record := "\x16\x03\x01\x40\x00" + string(make([]byte, 0x4000)) // of TLS
	for name, row := range map[string]struct {
		begin, more string
		call        func(context.Context, string) error
	}{
		"a mail server: lines of its greeting":  {"", "220-welcome\r\n", send("smtp")},
		"a mail server: a line":                 {"220 ", "x", send("smtp")},
		"a mail server: lines of an answer":     {"220 hi\r\n", "250-SIZE\r\n", send("smtp")},
		"a mail server: instead of a handshake": {"", record, send("smtps")},
		"the provider: headers":                 {"HTTP/1.1 200 OK\r\n", "X-Header: x\r\n", refund},
		"the provider: early answers":           {"", "HTTP/1.1 103 Early Hints\r\n\r\n", refund},
		"the provider: a body":                  {"HTTP/1.1 200 OK\r\n\r\n{", " ", refund},
		"a feed or a webhook: headers":          {"HTTP/1.1 200 OK\r\n", "X-Header: x\r\n", fetch},
		"a feed or a webhook: a status":         {"HTTP/1.1 200 ", "x", fetch},
		"a feed or a webhook: early answers":    {"", "HTTP/1.1 103 Early Hints\r\n\r\n", fetch},
		"Redis: a text":                         {"$1000000000\r\n", "x", decide},
		"Redis: elements":                       {"*1000000000\r\n", ":1\r\n", decide},
		"Redis: another protocol":               {"", "220-welcome\r\n", decide},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, sent := endless(t, row.begin, row.more)
			ctx, cancel := testreq.Context(t)
			defer cancel()
			if err := row.call(ctx, address); err == nil {
				t.Error("it was believed")
			} else if ctx.Err() != nil {
				t.Errorf("only its time ended it: %v", err)
			}
			if n := <-sent; n > room {
				t.Errorf("%d MiB were taken", n>>20)
			}
		})
	}
}
