package redistest_test

import (
	"net"
	"testing"

	"github.com/returnkit/returnkit/internal/redistest"
)

func TestAServerCanBeKilledAndStartedAgain(t *testing.T) {
	s := redistest.Start(t)
	dial := func() error {
		conn, err := net.Dial("unix", s.Socket())
		if err == nil {
			err = conn.Close()
		}
		return err
	}
	for range 2 {
		if err := dial(); err != nil {
			t.Fatal(err)
		}
		s.Kill()
		if err := dial(); err == nil {
			t.Fatal("a killed server answers")
		}
		s.Restart(t)
	}
}
