package paysim

import (
	"encoding/json"
	"net/http"
)

// The error types of Stripe's API (https://docs.stripe.com/api/errors).
const (
	typeAPI         = "api_error"
	typeCard        = "card_error"
	typeIdempotency = "idempotency_error"
	typeRequest     = "invalid_request_error"
)

// apiError is an answer that is not a success, in Stripe's JSON.
type apiError struct {
	Status      int             `json:"-"`
	Charge      string          `json:"charge,omitempty"`
	Code        string          `json:"code,omitempty"`
	DeclineCode string          `json:"decline_code,omitempty"`
	DocURL      string          `json:"doc_url,omitempty"`
	Message     string          `json:"message"`
	Param       string          `json:"param,omitempty"`
	Intent      json.RawMessage `json:"payment_intent,omitempty"`
	Type        string          `json:"type"`
}

// Error makes a refusal an error of the control endpoints.
func (e *apiError) Error() string { return e.Message }

func (e *apiError) answer() answer {
	body := marshal(struct {
		Error *apiError `json:"error"`
	}{e})
	return answer{status: e.Status, body: body}
}

// invalid is a 400 for what the request says.
func invalid(code, param, message string) *apiError {
	return &apiError{
		Status: http.StatusBadRequest, Type: typeRequest, Code: code, Param: param, Message: message,
		DocURL: docURL(code),
	}
}

// missing is the refusal when an object that the caller names does not exist.
func missing(param, kind, id string) *apiError {
	e := invalid("resource_missing", param, "No such "+kind+": '"+id+"'")
	e.Status = http.StatusNotFound
	return e
}

func serverError() *apiError {
	return &apiError{Status: http.StatusInternalServerError, Type: typeAPI,
		Message: "An unknown error occurred."}
}

func keyInUse(key string) *apiError {
	return &apiError{Status: http.StatusConflict, Type: typeIdempotency, Code: "idempotency_key_in_use",
		Message: "There is currently another in-progress request using this Idempotent Key " +
			"(that probably means you submitted twice, and the other request is still going through): " +
			key + ". Please try again later."}
}

func keyReused(key string) *apiError {
	return &apiError{Status: http.StatusBadRequest, Type: typeIdempotency,
		Message: "Keys for idempotent requests can only be used with the same parameters they were first used with. " +
			"Try using a key other than '" + key + "' if you meant to execute a different request."}
}

func docURL(code string) string {
	if code == "" {
		return ""
	}
	b := []byte(code)
	for i := range b {
		if b[i] == '_' {
			b[i] = '-'
		}
	}
	return "https://stripe.com/docs/error-codes/" + string(b)
}

// answer is a whole response of the API.
type answer struct {
	status   int
	body     []byte
	original string // Request-Id of the call whose answer this repeats; "" for an answer of its own
}

// marshal encodes values of this package; JSON can hold all of them.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		// No value here has a type or content that can fail; should that change,
		// an empty object is unreadable to every caller and so shows at once.
		return []byte("{}")
	}
	return b
}
