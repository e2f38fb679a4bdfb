package auth

import "context"

// StillSignedIn reports whether the session that Load found for ctx is still
// there, and its user's role is what it was then: for answers that go on for
// long after they were begun. A context without a session is nobody's.
func (s *Service) StillSignedIn(ctx context.Context) (bool, error) {
	st := stateOf(ctx)
	if st == nil {
		return false, nil
	}
	hash, u := st.get()
	if hash == "" || u.ID == "" {
		return false, nil
	}
	_, now, found, err := s.store.Session(ctx, hash, s.now(), s.now().Add(-s.idle))
	return err == nil && found && now.ID == u.ID && now.Role == u.Role, err
}
