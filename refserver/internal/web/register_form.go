package web

import (
	"regexp"
	"unicode/utf8"

	"github.com/returnkit/returnkit/refserver/internal/auth"
)

// registerForm is a registration as it was typed; the password never goes back into a page.
type registerForm struct {
	Username, Email string
	Mistakes        mistakes
}

var usernameForm = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,64}$`)

// check notes all that is wrong with the form itself, so that the page shows it at once. What only
// the accounts know, such as a name that is taken, they say.
func (f *registerForm) check(password string) {
	if !usernameForm.MatchString(f.Username) {
		f.Mistakes.add("username", "Username: enter 3 to 64 letters, digits, dots, dashes or underscores.")
	}
	if !auth.IsAddress(f.Email) {
		f.Mistakes.add("email", "E-mail: enter an address such as ada@example.com.")
	}
	if utf8.RuneCountInString(password) < auth.MinPassword {
		f.Mistakes.add("password", "Password: enter at least %d characters.", auth.MinPassword)
	}
}

// Fields are the inputs of the form.
func (f registerForm) Fields() []field {
	return []field{
		{
			Name: "username", Label: "Username", Value: f.Username, Autocomplete: "username", Required: true,
			Min: 3, Max: 64, Pattern: `[A-Za-z0-9_.\-]+`, Wrong: f.Mistakes.of("username"),
			Hint: "3 to 64 letters, digits, dots, dashes or underscores.",
		},
		{
			Name: "email", Label: "E-mail", Kind: "email", Value: f.Email, Autocomplete: "email", Required: true,
			Wrong: f.Mistakes.of("email"),
		},
		{
			Name: "password", Label: "Password", Kind: "password", Autocomplete: "new-password", Required: true,
			Min: auth.MinPassword, Wrong: f.Mistakes.of("password"),
			Hint: "At least 8 characters. A long sentence is a good password.",
		},
	}
}
