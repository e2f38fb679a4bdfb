package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/returns"
)

// policyBody is the current policy in words, all versions, and the form for the next.
type policyBody struct {
	Current   returns.Terms
	Sentences []policySentence
	Versions  []returns.Terms
	Form      policyForm
}

// policyReview is the next policy before it is published: what would change, and the form
// as it was filled in, which the page sends again.
type policyReview struct {
	Next        int // the number of the version
	Base        int // the version that the changes are to
	Differences []policyDifference
	Hidden      []hiddenField
	Note        string
}

// hiddenField is what a page sends again as it was filled in.
type hiddenField struct{ Name, Value string }

// Steps of publishing. A program that names none publishes at once.
const (
	stepReview = "review" // show what would change
	stepEdit   = "edit"   // back to the form
)

func (s *server) policyPage(w http.ResponseWriter, r *http.Request) error {
	t, err := s.Endpoints.TermsOf(r.Context(), "")
	if err != nil {
		return err
	}
	return s.showPolicy(w, r, http.StatusOK, formOfPolicy(t.Policy))
}

func (s *server) showPolicy(w http.ResponseWriter, r *http.Request, status int, form policyForm) error {
	versions, err := s.Endpoints.Policies(r.Context(), user(r))
	if err != nil {
		return err
	}
	body := policyBody{Versions: versions, Form: form}
	if len(versions) > 0 {
		body.Current, body.Sentences = versions[0], policyWords(versions[0].Policy)
	}
	return s.pageStatus(w, r, status, "admin_policy", form.Mistakes.titled("Return policy"), body)
}

func (s *server) publishPolicy(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	policy, wrong := parsePolicy(r.PostForm, s.Currency)
	form := policyForm{Values: r.PostForm, Currency: s.Currency, Mistakes: wrong}
	switch step := r.PostForm.Get("step"); {
	case len(wrong) > 0:
		return s.showPolicy(w, r, http.StatusBadRequest, form)
	case step == stepEdit:
		return s.showPolicy(w, r, http.StatusOK, form)
	case step == stepReview:
		return s.reviewPolicy(w, r, http.StatusOK, policy)
	}
	if changed, err := s.policyChanged(r); err != nil {
		return err
	} else if changed {
		return s.reviewPolicy(w, r, http.StatusConflict, policy, note{Tone: "bad", Text: "Another version was " +
			"published in the meantime, so nothing was published. Review the changes again."})
	}
	t, err := s.Endpoints.PublishPolicy(r.Context(), user(r), policy, r.PostForm.Get("note"))
	if err == nil {
		return s.redirect(w, r, "/admin/policy",
			fmt.Sprintf("Version %d is published. It applies to orders placed from now on.", t.Version))
	}
	p := problem.Of(err)
	if p.Internal {
		return err
	}
	form.Mistakes.add(inputOf(p.Field), "%s: %s", fieldLabel(p.Field), p.Message)
	return s.showPolicy(w, r, p.Status, form)
}

// policyChanged reports whether the policy is no longer the one that the changes were
// reviewed against. A program that does not say which that was is let pass.
func (s *server) policyChanged(r *http.Request) (bool, error) {
	base := r.PostForm.Get("base")
	if base == "" {
		return false, nil
	}
	current, err := s.Returns.Terms(r.Context(), "")
	return err == nil && base != fmt.Sprint(current.Version), err
}

// reviewPolicy shows what would change, before it is published.
func (s *server) reviewPolicy(
	w http.ResponseWriter, r *http.Request, status int, policy returns.Policy, notes ...note,
) error {
	current, err := s.Returns.Terms(r.Context(), "")
	if err != nil {
		return err
	}
	if policy.Zone == "" { // as publishing fills it in
		policy.Zone = s.Zone.String()
	}
	body := policyReview{
		Next: current.Version + 1, Base: current.Version, Differences: policyDifferences(current.Policy, policy),
		Hidden: hidden(r.PostForm, "step", "base"), Note: r.PostForm.Get("note"),
	}
	return s.pageStatus(w, r, status, "admin_policy_review", "Review policy changes", body, notes...)
}

// hidden are the fields of a form but those left out, in order.
func hidden(f url.Values, without ...string) []hiddenField {
	var out []hiddenField
	for _, name := range sortedKeys(f) {
		if slices.Contains(without, name) {
			continue
		}
		for _, value := range f[name] {
			out = append(out, hiddenField{name, value})
		}
	}
	return out
}
