//go:build unix

package sqlstoretest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// serverScript makes and runs a server in the folder $1 with the binaries in
// $2, until its standard input ends: the test process holds the other end of
// that pipe, so the server can't outlive it, even where the process is killed.
// The folder goes with it.
const serverScript = `
set -u
dir=$1 bin=$2
cleanup() {
	[ -n "${pid:-}" ] && kill -QUIT "$pid" 2>/dev/null && wait "$pid"
	cd / && rm -rf "$dir"
}
trap cleanup EXIT
trap '' INT
"$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync || exit 1
"$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync="$3" \
	-c full_page_writes="$3" -c synchronous_commit="$3" -c max_connections=200 \
	-c shared_buffers=64MB -c deadlock_timeout=100ms </dev/null &
pid=$!
read -r _
exit 0
`

// startServer starts a server of this process's own and returns the URL of its
// database. It answers in about a second; most of that is initdb.
//
// Commits are not flushed to disk, unless SQLSTORETEST_FSYNC=on asks for it.
func startServer() (string, error) {
	bin, err := findBinaries()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(folder(), "returnkit-pg-")
	if err != nil {
		return "", fmt.Errorf("start PostgreSQL: %w", err)
	}
	attr := &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C reaches it through the pipe
	if os.Geteuid() == 0 {
		// PostgreSQL refuses to run as root.
		cred, err := unprivileged()
		if err != nil {
			return "", errors.Join(err, os.RemoveAll(dir))
		}
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return "", fmt.Errorf("start PostgreSQL: %w", err)
		}
		attr.Credential = cred
	}

	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return "", fmt.Errorf("start PostgreSQL: %w", err)
	}
	defer log.Close()
	fsync := "off"
	if flushes() {
		fsync = "on"
	}
	cmd := exec.Command("/bin/sh", "-c", serverScript, "sh", dir, bin, fsync)
	cmd.Dir = dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), isPostgresEnv), "LC_ALL=C")
	cmd.SysProcAttr = attr
	cmd.Stdout, cmd.Stderr = log, log
	// The write end is never closed by us: it ends with the process.
	if _, err := cmd.StdinPipe(); err != nil {
		return "", fmt.Errorf("start PostgreSQL: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start PostgreSQL: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()

	url := "postgres:///postgres?sslmode=disable&user=postgres&host=" + dir
	if err := awaitServer(url, exited); err != nil {
		said, _ := os.ReadFile(filepath.Join(dir, "log"))
		return "", fmt.Errorf("start PostgreSQL from %s: %w\n%s", bin, err, said)
	}
	return url, nil
}

// folder is where the server's own folder is made. A Unix socket allows some 100 characters
// in its path, so it is not below TMPDIR, which may be long. Databases come and go with
// hundreds of files each, so where nothing is flushed and there is room in memory, that is
// the place: the tests of the shop take 51 s there, and 71 s on a disk.
func folder() string {
	const memory, room = "/dev/shm", 4 << 30
	var s syscall.Statfs_t
	if err := syscall.Statfs(memory, &s); flushes() || err != nil || uint64(s.Bavail)*uint64(s.Bsize) < room {
		return "/tmp"
	}
	return memory
}

// awaitServer polls until the server answers.
func awaitServer(url string, exited <-chan error) error {
	pool, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer pool.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := pool.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case exit := <-exited:
			return fmt.Errorf("it ended: %w", exit)
		case <-ctx.Done():
			return fmt.Errorf("no answer within a minute: %w", err)
		}
	}
}

// isPostgresEnv reports the variables that would change what the server's programs do.
func isPostgresEnv(kv string) bool { return len(kv) > 2 && kv[:2] == "PG" }

// findBinaries returns the folder of initdb and postgres: by PATH, or else the
// newest version where Debian and its relatives put them.
func findBinaries() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil && isFile(filepath.Join(filepath.Dir(p), "postgres")) {
			return filepath.Dir(p), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errNoServer
	}
	version := func(p string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(p))))
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// unprivileged returns the user to run the server as when we are root.
func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
		if uerr == nil && gerr == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, fmt.Errorf("%w; and as root there must be a user postgres or nobody to run it as", errNoServer)
}
