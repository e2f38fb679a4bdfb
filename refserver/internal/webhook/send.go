package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/outbound"
)

// maxRetryAfter bounds the wait that a receiver asks for.
const maxRetryAfter = 6 * time.Hour

// answer is what a receiver said.
type answer struct {
	status int
	text   string        // the beginning of the body
	after  time.Duration // of Retry-After
	gone   bool          // it wants no more
}

// send makes one call. Its error says in words why the event is not delivered.
func (s *Service) send(ctx context.Context, w endpointRow, id string, body []byte) (answer, error) {
	now := s.cfg.Now()
	keys, err := s.keysAt(w, now.UnixMicro())
	if err != nil {
		return answer{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return answer{}, errors.New("the address cannot be used")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "returnkit-webhooks/1")
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	r.Header.Set("webhook-signature", signature(keys, id, now, body))
	res, err := s.client.Do(r)
	if err != nil {
		return answer{}, callError(err)
	}
	defer res.Body.Close()
	// An answer that breaks off is an answer: its status says whether the event arrived.
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	a := answer{
		status: res.StatusCode, gone: res.StatusCode == http.StatusGone,
		text:  strings.ReplaceAll(strings.ToValidUTF8(string(text), "\uFFFD"), "\x00", "\uFFFD"),
		after: retryAfter(res.Header.Get("Retry-After")),
	}
	switch {
	case a.status/100 == 2:
		return a, nil
	case a.status/100 == 3:
		return a, fmt.Errorf("the receiver answered %d; redirects are not followed", a.status)
	}
	return a, fmt.Errorf("the receiver answered %d", a.status)
}

// retryAfter is the wait that a receiver asked for, in seconds; 0 for none.
func retryAfter(header string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(header))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(n), maxRetryAfter/time.Second) * time.Second
}

// callError says what failed without the address: a name in it may be inside knowledge.
func callError(err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, outbound.ErrPrivate):
		return outbound.ErrPrivate
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("the receiver did not answer within %s", callTimeout)
	}
	return errors.New("the receiver cannot be reached")
}
