//go:build unix

package sqlstoretest

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
)

// poolerScript runs PgBouncer with the settings in the directory $1 until its
// standard input ends, as serverScript does.
const poolerScript = `
set -u
trap '' INT
"$2" -q "$1/pgbouncer.ini" </dev/null &
pid=$!
read -r _
kill -KILL "$pid" 2>/dev/null # it keeps nothing
wait "$pid"
cd / && rm -rf "$1"
exit 0
`

// poolerSettings configure a pooler in transaction mode with few connections, so
// that consecutive transactions of a client run on different ones. The pooler takes
// no start-up parameter that it can't keep for each client.
const poolerSettings = `[databases]
* = host=%s port=%s user=%s password=%s
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = %s
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
server_tls_sslmode = disable
`

// PooledURL returns the URL of the database at address through a PgBouncer in
// transaction mode, which ends with the test, or ends the test when there is
// no PgBouncer.
func PooledURL(tb testing.TB, address string) string {
	tb.Helper()
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		testreq.SkipOrFail(tb, "no PgBouncer: install the package pgbouncer")
	}
	u, err := url.Parse(address)
	if err != nil {
		tb.Fatal(err)
	}
	q := u.Query()
	password, _ := u.User.Password()
	dir, err := os.MkdirTemp("/tmp", "returnkit-pgb-") // a socket's path must be short
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	settings := fmt.Sprintf(poolerSettings,
		cmp.Or(q.Get("host"), u.Hostname()), cmp.Or(q.Get("port"), u.Port(), "5432"),
		cmp.Or(q.Get("user"), u.User.Username(), "postgres"), cmp.Or(q.Get("password"), password, "none"), dir)
	if err := os.WriteFile(filepath.Join(dir, "pgbouncer.ini"), []byte(settings), 0o644); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", poolerScript, "sh", dir, path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 { // PgBouncer refuses to run as root
		cred, err := unprivileged()
		if err != nil {
			testreq.SkipOrFail(tb, err.Error())
		}
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			tb.Fatal(err)
		}
		cmd.SysProcAttr.Credential = cred
	}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	input, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	pooled := "postgres:///" + strings.TrimPrefix(u.Path, "/") + "?sslmode=disable&user=postgres&port=6432&host=" + dir
	if err := awaitServer(pooled, exited); err != nil {
		_ = input.Close()
		tb.Fatalf("start PgBouncer: %v", err)
	}
	tb.Cleanup(func() {
		_ = input.Close()
		<-exited
		if tb.Failed() {
			tb.Log(said.String())
		}
	})
	return pooled
}
