package paysim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// controlRoutes adds the endpoints that tests steer the simulator by.
func (s *Simulator) controlRoutes(mux *http.ServeMux) {
	mux.HandleFunc("/_sim/ledger", s.controlLedger)
	mux.HandleFunc("/_sim/faults", s.controlFaults)
	mux.HandleFunc("/_sim/refunds", controlled(func(_ string, p RefundParams) (Refund, error) {
		return s.RefundOutside(p)
	}))
	mux.HandleFunc("/_sim/refunds/{id}", controlled(func(id string, p refundMove) (Refund, error) {
		return s.SettleRefund(id, p.Status, p.FailureReason)
	}))
	mux.HandleFunc("/_sim/disputes", controlled(func(_ string, p DisputeParams) (Dispute, error) {
		return s.Dispute(p)
	}))
	mux.HandleFunc("/_sim/disputes/{id}", controlled(func(id string, p disputeMove) (Dispute, error) {
		return s.MoveDispute(id, p.Status)
	}))
}

// refundMove is what POST /_sim/refunds/{id} takes.
type refundMove struct {
	Status        string `json:"status"`
	FailureReason string `json:"failure_reason"`
}

// disputeMove is what POST /_sim/disputes/{id} takes.
type disputeMove struct {
	Status string `json:"status"`
}

// controlled answers a POST of one JSON object by what do makes of it; the id comes
// from the path.
func controlled[P, A any](do func(id string, p P) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !allow(w, r, http.MethodPost) {
			return
		}
		var p P
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		dec.DisallowUnknownFields()
		err := dec.Decode(&p)
		if err == nil && dec.Decode(new(any)) != io.EOF {
			err = errors.New("more follows the object")
		}
		if err != nil {
			writeJSON(w, http.StatusBadRequest, controlError(fmt.Errorf("paysim: the body could not be read: %w", err)))
			return
		}
		a, err := do(r.PathValue("id"), p)
		if err != nil {
			writeJSON(w, http.StatusBadRequest, controlError(err))
			return
		}
		writeJSON(w, http.StatusOK, a)
	}
}

// controlLedger is GET /_sim/ledger.
func (s *Simulator) controlLedger(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, http.MethodGet) {
		return
	}
	l, err := s.ledger()
	if err != nil {
		writeJSON(w, http.StatusInternalServerError, controlError(err))
		return
	}
	writeJSON(w, http.StatusOK, l)
}

// controlFaults is GET, PUT and PATCH /_sim/faults.
func (s *Simulator) controlFaults(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, http.MethodGet, http.MethodPut, http.MethodPatch) {
		return
	}
	if r.Method != http.MethodGet {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			writeJSON(w, http.StatusBadRequest, controlError(
				fmt.Errorf("the plan could not be read; it may have %d bytes: %w", maxBody, err)))
			return
		}
		if r.Method == http.MethodPatch {
			err = s.MergeFaults(body)
		} else {
			err = s.replaceFaults(body)
		}
		if err != nil {
			writeJSON(w, http.StatusBadRequest, controlError(err))
			return
		}
	}
	writeJSON(w, http.StatusOK, s.Faults())
}

func (s *Simulator) replaceFaults(plan []byte) error {
	f, err := ParseFaults(plan)
	if err != nil {
		return err
	}
	return s.SetFaults(f)
}

func allow(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	for _, m := range methods {
		if r.Method == m {
			return true
		}
		w.Header().Add("Allow", m)
	}
	writeJSON(w, http.StatusMethodNotAllowed, controlError(fmt.Errorf("method %s is not allowed here", r.Method)))
	return false
}

// controlError is the body of a refusal. One by the API's rules keeps its code
// and parameter.
func controlError(err error) any {
	e := &apiError{Type: typeRequest, Message: err.Error()}
	var bad *FaultsError
	var refused *apiError
	switch {
	case errors.As(err, &bad):
		e.Param = bad.Field
	case errors.As(err, &refused):
		e = refused
	}
	return map[string]any{"error": e}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(marshal(v), '\n'))
}
