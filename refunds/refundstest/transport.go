package refundstest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// Transport is an http.RoundTripper between a gateway and its provider that
// loses, delays and replaces answers: the Fault hook of a Sandbox whose
// gateway speaks HTTP. Make it with the transport it stands in front of.
type Transport struct {
	Next http.RoundTripper // required
	// Body is what an error of the status says, in the provider's own shape.
	// Default: nothing.
	Body func(status int) []byte

	mu     sync.Mutex
	faults []Fault
}

// Script makes the next requests go wrong, in order: the faults lost, hang and
// 5xx before and after, conflict and rate limit. Others are an error.
func (t *Transport) Script(faults ...Fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = append(t.faults, faults...)
}

func (t *Transport) next() Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.faults) == 0 {
		return FaultNone
	}
	f := t.faults[0]
	t.faults = t.faults[1:]
	return f
}

var errLost = errors.New("refundstest: the connection was cut")

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	fault := t.next()
	switch fault {
	case FaultLostAfter, FaultHangAfter, Fault5xxAfter, FaultNone:
		res, err := t.Next.RoundTrip(r)
		if fault == FaultNone || err != nil {
			return res, err
		}
		_, _ = io.Copy(io.Discard, res.Body) // the provider is done with it
		_ = res.Body.Close()
	default:
		if r.Body != nil {
			_ = r.Body.Close()
		}
	}
	switch fault {
	case FaultLostBefore, FaultLostAfter:
		return nil, errLost
	case FaultHangBefore, FaultHangAfter:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case Fault5xxBefore, Fault5xxAfter:
		return t.says(r, http.StatusInternalServerError), nil
	case FaultConflict:
		return t.says(r, http.StatusConflict), nil
	case FaultRateLimit:
		return t.says(r, http.StatusTooManyRequests), nil
	}
	return nil, errors.New("refundstest: " + strconv.Quote(string(fault)) + " does not come from a network")
}

func (t *Transport) says(r *http.Request, status int) *http.Response {
	var body []byte
	if t.Body != nil {
		body = t.Body(status)
	}
	return &http.Response{
		Status: strconv.Itoa(status) + " " + http.StatusText(status), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)), Request: r,
	}
}
