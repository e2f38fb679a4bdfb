package config

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/caarlos0/env/v11"
	"github.com/joho/godotenv"
)

// readDotenv reads the file; a missing one has no settings.
func readDotenv(file string) (map[string]string, error) {
	if file == "" {
		return map[string]string{}, nil
	}
	raw, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("settings file %s can't be read: %w", file, err)
	}
	text, ok := plainText(raw)
	if !ok {
		return nil, fmt.Errorf("settings file %s is not text; save it as UTF-8", file)
	}
	vars, err := godotenv.UnmarshalBytes(text)
	// The parser takes a last line without an equals sign for a value without a name.
	if _, nameless := vars[""]; err != nil || nameless {
		// The parser's own message quotes the line, which may hold a secret.
		return nil, fmt.Errorf("settings file %s can't be read: it must hold lines of the form NAME=value", file)
	}
	return vars, nil
}

// plainText is the file as UTF-8 without byte order marks. Editors of Windows
// write one, also before UTF-16, and files that were put together from several
// have them between the lines.
func plainText(raw []byte) ([]byte, bool) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(raw, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(raw, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	}
	if order != nil {
		units := make([]uint16, 0, len(raw)/2)
		for pair := range slices.Chunk(raw, 2) {
			if len(pair) == 2 {
				units = append(units, order.Uint16(pair))
			}
		}
		raw = []byte(string(utf16.Decode(units)))
	}
	if !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0 {
		return nil, false
	}
	return bytes.ReplaceAll(raw, []byte("\ufeff"), nil), true
}

// foreign are names that the compose files read from the same file.
var foreign = []string{
	"GRAFANA_PASSWORD", "GRAFANA_PORT", "LOAD_ADMIN_PASSWORD", "METRICS_TOKEN_FILE", "POSTGRES_PASSWORD",
	"PROMETHEUS_PORT", "REVISION", "SHOP_ADDRESS", "SHOP_PORT", "VERSION",
}

// Unknown returns a line for each name that is not a setting: all such names in the
// file, but from the environment only names that are a slip away from a setting. A
// name there may belong to another program.
func Unknown(environ []string, dotenv string) []string {
	var lines []string
	file, err := readDotenv(dotenv)
	if err != nil {
		return nil // Load says so
	}
	for name := range file {
		if isSetting(name) || slices.Contains(foreign, name) || strings.HasPrefix(name, "COMPOSE_") {
			continue
		}
		line := fmt.Sprintf("%s in %s is not a setting and is ignored", name, filepath.Base(dotenv))
		if near, _ := nearest(name, len(name)/3+1); near != "" {
			line += "; did you mean " + near + "?"
		}
		lines = append(lines, line)
	}
	for name := range env.ToMap(environ) {
		const shortest, slips = 8, 2
		if len(name) < shortest || isSetting(name) || slices.Contains(foreign, name) {
			continue
		}
		if near, _ := nearest(name, slips); near != "" {
			lines = append(lines, name+" in the environment is not a setting and is ignored; did you mean "+near+"?")
		}
	}
	slices.Sort(lines)
	return lines
}

func isSetting(name string) bool {
	_, ok := texts[name]
	return ok
}

// nearest is the setting with the fewest slips from name, at most limit of
// them; "" for none.
func nearest(name string, limit int) (string, int) {
	best := ""
	for _, s := range Settings() {
		if d := slips(strings.ToUpper(name), s.Name); d <= limit {
			best, limit = s.Name, d-1
		}
	}
	return best, limit + 1
}

// slips is the Levenshtein distance: how many characters have to be added,
// removed or replaced.
func slips(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := before
			if a[i] != b[j] {
				replace++
			}
			before = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
