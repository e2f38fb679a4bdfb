package auth

import (
	"errors"
	"fmt"
	"time"
)

// ErrNotFound is returned (wrapped) for a user that does not exist.
var ErrNotFound = errors.New("auth: not found")

// Code is the stable name of a refusal.
type Code string

// The codes of this package.
const (
	CodeInvalid         Code = "INVALID"           // a field is out of its range
	CodeUsernameTaken   Code = "USERNAME_TAKEN"    // somebody has that name, in this or another case
	CodeCredentials     Code = "BAD_CREDENTIALS"   // no such user, or another password
	CodeTooManyAttempts Code = "TOO_MANY_ATTEMPTS" // too many failed sign-ins; RetryAfter says when to come back
	CodeSuperAdmin      Code = "SUPER_ADMIN"       // the super admin is as the settings say
	CodeSecondFactor    Code = "SECOND_FACTOR"     // the password is right, and a code is needed; see SignInCode
	CodeFactorLost      Code = "FACTOR_LOST"       // the shop can't read the second factor: SECRET_KEY is another one
	CodeLocked          Code = "LOCKED"            // the password is right, and an admin has locked the account
	CodeWeakPassword    Code = "WEAK_PASSWORD"     // easier to guess than the settings allow
	CodeResetInvalid    Code = "RESET_INVALID"     // the link to reset a password was used, or is too old
)

// Error is a refusal with a stable code. Message is a sentence for people to read.
type Error struct {
	Code       Code
	Field      string // the field at fault, when there is one
	Message    string
	RetryAfter time.Duration // for CodeTooManyAttempts
}

func (e *Error) Error() string { return fmt.Sprintf("auth: %s: %s", e.Code, e.Message) }

// CodeOf returns the code of the first Error in err's chain, or "".
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}
