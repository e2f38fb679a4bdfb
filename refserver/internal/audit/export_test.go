package audit

// Waiting returns how many calls of Append wait for the one that is being carried out.
func (l *Log) Waiting() (calls int, working bool) { return l.appends.Waiting() }
