package testlog

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/input"
)

const (
	secretsFile = ".secrets"
	shortest    = 8 // characters of a secret
)

// Leak is a line that holds a secret.
type Leak struct {
	File string
	Line int
	What string // never the secret itself
	Text string
}

func (l Leak) String() string { return fmt.Sprintf("%s:%d: %s: %s", l.File, l.Line, l.What, l.Text) }

// Found is what a search came to.
type Found struct {
	Files, Lines int
	Leaks        []Leak
}

// Search looks through all logs of a folder for what tests have named with
// Secret, for numbers of cards, and for cookies.
func Search(dir string) (Found, error) {
	var found Found
	secrets, err := readSecrets(dir)
	if err != nil {
		return found, err
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == secretsFile {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found.Files++
		n := 0
		for line := range bytes.Lines(data) {
			n++
			text := string(bytes.TrimRight(line, "\n"))
			if what := leak(text, secrets); what != "" {
				found.Leaks = append(found.Leaks, Leak{d.Name(), n, what, text})
			}
		}
		found.Lines += n
		return nil
	})
	return found, err
}

func readSecrets(dir string) (map[string]bool, error) {
	secrets := map[string]bool{}
	f, err := os.Open(filepath.Join(dir, secretsFile))
	if os.IsNotExist(err) {
		return secrets, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		for _, form := range []string{lines.Text(), url.QueryEscape(lines.Text())} {
			secrets[form] = true
		}
	}
	return secrets, lines.Err()
}

var (
	cardLike = regexp.MustCompile(`[3-6]\d(?:[ -]?\d){11,17}`)
	cookie   = regexp.MustCompile(`(?i)\bsession=[a-z0-9_-]{16,}|"?(set-)?cookie"?\s*[:=]\s*"?[a-z0-9_-]+=[^"\[\s]{4,}`)
)

// leak says what secret a line holds, "" for none.
func leak(line string, secrets map[string]bool) string {
	for s := range secrets {
		if strings.Contains(line, s) {
			return "a password, key or cookie of a test"
		}
	}
	if cookie.MatchString(line) {
		return "a cookie"
	}
	for _, at := range cardLike.FindAllStringIndex(line, -1) {
		if part(line, at[0]-1) || part(line, at[1]) {
			continue // of a longer word, such as an id
		}
		if input.Luhn(separators.Replace(line[at[0]:at[1]])) {
			return "the number of a card"
		}
	}
	return ""
}

// separators stand between the digits of a card as people write them.
var separators = strings.NewReplacer(" ", "", "-", "")

// part reports whether a letter or digit is at i.
func part(s string, i int) bool {
	if i < 0 || i >= len(s) {
		return false
	}
	c := s[i] | 0x20
	return '0' <= s[i] && s[i] <= '9' || 'a' <= c && c <= 'z' || s[i] == '-' || s[i] == '_' || s[i] == '.'
}
