package returnsdb

// UpdatesWaiting is how many calls of Update wait, and whether others are being
// executed.
func (s *Store) UpdatesWaiting() (calls int, working bool) { return s.updates.Waiting() }

// ReadsWaiting is UpdatesWaiting for calls of Return.
func (s *Store) ReadsWaiting() (calls int, working bool) { return s.byID.Waiting() }
