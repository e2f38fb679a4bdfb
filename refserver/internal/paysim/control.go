package paysim

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

// controlLedger is GET /_sim/ledger.
func (s *Simulator) controlLedger(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, http.MethodGet) {
		return
	}
	l, err := s.ledger()
	if err != nil {
		control(w, http.StatusInternalServerError, controlError(err))
		return
	}
	control(w, http.StatusOK, l)
}

// controlFaults is GET and PUT /_sim/faults.
func (s *Simulator) controlFaults(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, http.MethodGet, http.MethodPut) {
		return
	}
	if r.Method == http.MethodPut {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			control(w, http.StatusBadRequest, controlError(fmt.Errorf("the plan could not be read; it may have %d bytes: %w", maxBody, err)))
			return
		}
		f, err := ParseFaults(body)
		if err == nil {
			err = s.SetFaults(f)
		}
		if err != nil {
			control(w, http.StatusBadRequest, controlError(err))
			return
		}
	}
	control(w, http.StatusOK, s.Faults())
}

func allow(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	for _, m := range methods {
		if r.Method == m {
			return true
		}
		w.Header().Add("Allow", m)
	}
	control(w, http.StatusMethodNotAllowed, controlError(fmt.Errorf("method %s is not allowed here", r.Method)))
	return false
}

func controlError(err error) any {
	e := &apiError{Type: typeRequest, Message: err.Error()}
	var bad *FaultsError
	if errors.As(err, &bad) {
		e.Param = bad.Field
	}
	return map[string]any{"error": e}
}

func control(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(marshal(v), '\n'))
}
