// Package auth keeps the users, their passwords and their sessions.
//
// A [Service] registers people, signs them in and out, and its Load middleware finds
// the user of each request with one query. A session is a row: signing out deletes it,
// so a copy of its cookie is useless afterwards. The role is read with the session
// each time, so a change of it takes effect at once.
package auth

import (
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Role is what a user may do; package access says what that is.
type Role string

// The roles.
const (
	Customer  Role = "customer"  // shops, and nothing else
	Support   Role = "support"   // decides returns and answers customers
	Warehouse Role = "warehouse" // receives and inspects parcels
	Finance   Role = "finance"   // pays refunds and settles the review queue
	Admin     Role = "admin"     // does everything
	Auditor   Role = "auditor"   // reads everything and changes nothing
)

// Roles returns all roles, customers first.
func Roles() []Role { return []Role{Customer, Support, Warehouse, Finance, Admin, Auditor} }

// RoleNames is the list of roles for a message: "customer, support, ... or auditor".
func RoleNames() string {
	var names []string
	for _, r := range Roles() {
		names = append(names, string(r))
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// User is somebody with an account.
type User struct {
	ID        string // UUIDv7
	Username  string // as it was registered; unique whatever the case
	Email     string
	Role      Role
	Super     bool // the admin named by the settings, who can't be demoted
	Locked    bool // can't sign in until an admin unlocks it
	Factor    bool // signs in with a second factor
	Deleted   bool // can't sign in any more; orders and the audit still name it
	CreatedAt time.Time
	// Generation counts what ended all sessions of the user: passwords, second factors, locks. A session
	// that was begun with an older one, as one is that was on its way, is over.
	Generation int64
}

// IsAdmin reports whether the user has the role Admin.
func (u User) IsAdmin() bool { return u.Role == Admin }

// IsStaff reports whether the user works for the shop, in whatever role.
func (u User) IsStaff() bool { return u.Role != "" && u.Role != Customer }

// Limits of what a registration may hold, in characters.
const (
	MinPassword = 8
	MaxPassword = 1024
	MaxEmail    = 254
)

// Registration is what somebody sends to get an account. The role is always
// Customer.
type Registration struct {
	Username string // 3 to 64 of letters a to z, digits, _ . -
	Email    string
	Password string // MinPassword to MaxPassword characters
}

var usernamePattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,64}$`)

// usernameKey is what a name is unique by.
func usernameKey(name string) string { return strings.ToLower(name) }

// Validate returns the first thing wrong with the registration as an *Error
// with CodeInvalid, or nil.
func (r Registration) Validate() error {
	if !usernamePattern.MatchString(r.Username) {
		return &Error{
			Code:    CodeInvalid,
			Field:   "username",
			Message: "A username has 3 to 64 of the letters a to z, digits, _ . and -",
		}
	}
	if !IsAddress(r.Email) {
		return &Error{
			Code:    CodeInvalid,
			Field:   "email",
			Message: "That is not an e-mail address; one looks like name@example.com",
		}
	}
	return CheckPasswordText(r.Password)
}

// IsAddress reports whether text is an e-mail address of an allowed length and nothing else. What isn't
// printed, such as a mark that turns the direction, has one address look like another.
func IsAddress(text string) bool {
	if len(text) > MaxEmail || strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return false
	}
	a, err := mail.ParseAddress(text)
	return err == nil && a.Address == text
}

// CheckPasswordText returns an *Error with CodeInvalid unless the password is text
// of an allowed length.
func CheckPasswordText(password string) error {
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return &Error{Code: CodeInvalid, Field: "password", Message: "The password must be text in UTF-8"}
	case n < MinPassword || n > MaxPassword:
		return &Error{
			Code:    CodeInvalid,
			Field:   "password",
			Message: fmt.Sprintf("A password has %d to %d characters; this one has %d", MinPassword, MaxPassword, n),
		}
	}
	return nil
}
