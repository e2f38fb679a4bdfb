package postgres

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// That a connection ends is tested between containers, in refserver's
// deploytest: here, that the system has it.
func TestTheSystemEndsAConnectionThatIsNotAcknowledged(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := (&net.Dialer{Control: endUnacknowledged(1234 * time.Millisecond)}).DialContext(
		t.Context(),
		"tcp",
		l.Addr().String(),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var got int
	var failed error
	if err := raw.Control(func(fd uintptr) {
		got, failed = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP,
			tcpUserTimeout)
	}); err != nil ||
		failed != nil {
		t.Fatal(err, failed)
	}
	if got != 1234 {
		t.Errorf("the limit is %d ms, want 1234", got)
	}
}
