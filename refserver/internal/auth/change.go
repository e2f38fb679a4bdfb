package auth

import (
	"context"

	"github.com/uptrace/bun"
)

// The kinds of changes of accounts, as the audit names them.
const (
	ChangeRegistered     = "account.registered"
	ChangeSignedIn       = "account.signed_in"
	ChangeSignInFailed   = "account.sign_in_failed"
	ChangeWrongCodes     = "account.wrong_codes" // so many of the second factor in a day that it is worth a mail
	ChangeSignedOut      = "account.signed_out"
	ChangeConfirmed      = "account.password_confirmed"
	ChangeSessionEnded   = "account.session_ended"
	ChangeRole           = "account.role_changed"
	ChangeSuper          = "account.super_admin_set"
	ChangePassword       = "account.password_changed"
	ChangePasswordReset  = "account.password_reset"
	ChangeResetRequested = "account.reset_requested"
	ChangeLocked         = "account.locked"
	ChangeUnlocked       = "account.unlocked"
	ChangeFactorOn       = "account.second_factor_on"
	ChangeFactorOff      = "account.second_factor_off"
	ChangeRecovered      = "account.recovery_code_used"
	ChangeDeleted        = "account.deleted"
)

// Change is something that happened to an account. It never holds a password, a
// token or a code.
type Change struct {
	Type    string
	Subject User // whose account it is; zero where there is no such account
	Details map[string]string
}

// RecordFunc records a change in tx, or in a transaction of its own where tx is
// nil. Its error ends what was being done.
type RecordFunc func(ctx context.Context, tx bun.IDB, c Change) error

// changeOf is a Change with details given as names and values.
func changeOf(kind string, u User, details ...string) Change {
	c := Change{Type: kind, Subject: u, Details: map[string]string{}}
	for i := 0; i+1 < len(details); i += 2 {
		c.Details[details[i]] = details[i+1]
	}
	return c
}
