package returns

import (
	"context"
	"fmt"

	"github.com/returnkit/returnkit/orders/event"
)

// CheckInfo reports what ProvideInfo would refuse, whatever the photos are: it
// reads none and records nothing.
func (s *Service) CheckInfo(ctx context.Context, id string, by event.Actor) error {
	_, err := s.infoOf(ctx, id, by)
	return err
}

// infoCase is a case whose customer was asked for something.
type infoCase struct {
	Return
	policy Policy
}

func (s *Service) infoOf(ctx context.Context, id string, by event.Actor) (infoCase, error) {
	r, err := s.store.Return(ctx, id)
	if err != nil {
		return infoCase{}, fmt.Errorf("returns: provide info %s: %w", id, err)
	}
	if err := owned(&r, by); err != nil {
		return infoCase{}, err
	}
	if err := r.mayProvideInfo(); err != nil {
		return infoCase{}, err
	}
	terms, err := s.store.Terms(ctx, r.TermsID)
	if err != nil {
		return infoCase{}, fmt.Errorf("returns: terms of %s: %w", id, err)
	}
	return infoCase{r, terms.Policy}, nil
}

// InfoParams is what a customer answers to a request for information: details,
// photos, or both.
type InfoParams struct {
	Details string // at most 2000 characters
	Photos  []Upload
}

// ProvideInfo adds what the customer answers to a request for information. Who may
// answer, and the number and types of the photos, is judged before any photo is decoded.
func (s *Service) ProvideInfo(ctx context.Context, id string, by event.Actor, p InfoParams) (Return, error) {
	uploads := p.Photos
	c, err := s.infoOf(ctx, id, by)
	if err != nil {
		return Return{}, err
	}
	// An answer in words alone passes, also where an override let a case have more.
	full := func(r *Return) error {
		if n := len(r.Evidence) + len(uploads); len(uploads) > 0 && n > c.policy.MaxPhotos {
			return tooManyPhotos(n, c.policy.MaxPhotos)
		}
		return nil
	}
	if err := full(&c.Return); err != nil {
		return Return{}, err
	}
	if err := checkInfo(p.Details, len(uploads)); err != nil {
		return Return{}, err
	}
	if err := s.takesPhotos(len(uploads)); err != nil {
		return Return{}, err
	}
	types, files, err := sniffed(uploads)
	if err != nil {
		return Return{}, err
	}
	for _, f := range photoFindings(c.policy, Request{Photos: types}) {
		if f.Code == PhotoTypeNotAllowed {
			return Return{}, &Error{Code: Code(f.Code), Field: "photos", Message: f.Message()}
		}
	}
	now := s.stamp(ctx, by)
	evidence, err := s.keep(ctx, account(by, c.CustomerID), files, now.At)
	if err != nil {
		return Return{}, err
	}
	r, err := s.update(ctx, "provide info", id, func(r *Return) error {
		if err := full(r); err != nil {
			return err
		}
		return r.ProvideInfo(now, p.Details, evidence)
	})
	if err != nil {
		return Return{}, s.refused(ctx, err, evidence)
	}
	return r, nil
}
