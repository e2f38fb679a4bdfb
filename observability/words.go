package observability

import "strings"

// words maps each spelling of a label value to the one that is shown.
type words struct {
	shown map[string]string
	list  []string // as shown
	show  func(string) string
}

func upperWords(list ...string) words { return newWords(list, strings.ToUpper) }
func lowerWords(list ...string) words { return newWords(list, strings.ToLower) }

func newWords(list []string, show func(string) string) words {
	w := words{shown: make(map[string]string, 3*len(list)), show: show}
	for _, word := range list {
		s := show(word)
		w.list = append(w.list, s)
		for _, spelling := range []string{word, strings.ToUpper(word), strings.ToLower(word)} {
			w.shown[spelling] = s
		}
	}
	return w
}

// of returns how s is shown: other when it is not in the list.
func (w words) of(s string) string {
	if shown, ok := w.shown[s]; ok {
		return shown
	}
	return other
}

// any returns how s is shown, whether or not it is in the list.
func (w words) any(s string) string {
	if shown, ok := w.shown[s]; ok {
		return shown
	}
	return w.show(s)
}
