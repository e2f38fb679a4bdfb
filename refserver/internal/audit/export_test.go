package audit

// Waiting returns how many calls of Append wait for the one that is being executed.
func (l *Log) Waiting() int {
	calls, _ := l.appends.Waiting()
	return calls
}
