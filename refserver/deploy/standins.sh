#!/usr/bin/env bash
# Builds local stand-ins of the base images that the Dockerfile and the compose
# files name, from Debian packages installed on this machine, for where an
# engine runs and no image registry can be reached. They carry the names of the
# real images and behave like them as far as the compose files need.
#
#   refserver/deploy/standins.sh            # makes what is missing
#   refserver/deploy/standins.sh --force    # makes all again
#
# Debian with root is needed; packages that are missing are installed.
set -euo pipefail

cd "$(dirname "$0")/../.."
force=${1:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

packages=(postgresql redis-server prometheus haproxy util-linux ca-certificates)
missing=()
for p in "${packages[@]}"; do
	dpkg -s "$p" >/dev/null 2>&1 || missing+=("$p")
done
if ((${#missing[@]})); then
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# wanted NAME LABEL: whether the image is to be made. It is, too, when what it
# was made of, its label, has changed.
wanted() {
	[[ $force == --force || $(docker image inspect --format '{{.Config.Labels.of}}' "$1" 2>/dev/null) != "$2" ]]
}

# tree DIR PATH...: files and folders of this machine in DIR, with a shell and
# the libraries that their programs load.
tree() {
	local dir=$1
	shift
	mkdir -p "$dir"/{tmp,run,etc/ssl/certs,proc,sys,dev,root,usr/bin,usr/sbin,usr/lib,usr/lib64}
	chmod 1777 "$dir/tmp"
	for f in bin sbin lib lib64; do ln -s "usr/$f" "$dir/$f"; done
	set -- "$@" /usr/bin/{bash,cat,chmod,chown,cp,mkdir,rm}
	{
		printf '%s\n' "$@"
		find "$@" -type f ! -name 'llvmjit*' \( -perm -u+x -o -name '*.so*' \) -print0 |
			{ xargs -0 ldd 2>/dev/null || true; } | grep -v ':$' | grep -oE '/[^ ]+\.so[^ )]*'
	} | sed -E 's,^/(s?bin|lib|lib64)/,/usr/\1/,' | sort -u |
		tar -C / -chP --transform 's,^/,./,' --exclude bitcode --exclude 'llvmjit*' -T - | tar -x -C "$dir"
	ln -s bash "$dir/usr/bin/sh"
	cp -L /etc/ssl/certs/ca-certificates.crt "$dir/etc/ssl/certs/"
	printf 'root:x:0:0::/root:/bin/bash\npostgres:x:999:999::/var/lib/postgresql:/bin/bash\n' >"$dir/etc/passwd"
	printf 'root:x:0:\npostgres:x:999:\n' >"$dir/etc/group"
	printf 'hosts: files dns\n' >"$dir/etc/nsswitch.conf"
	ldconfig -r "$dir"
}

# image NAME LABEL DIR CHANGE...: imports DIR as an image.
image() {
	local name=$1 label=$2 dir=$3 changes=()
	shift 3
	for c in "LABEL of=$label" "$@"; do changes+=(--change "$c"); done
	tar -C "$dir" -c . | docker import "${changes[@]}" - "$name" >/dev/null
	rm -rf "$dir"
	printf 'made %s after %d s\n' "$name" "$SECONDS"
}

# The build needs the modules of this checkout, and a build there starts from
# what a build here compiled instead of from nothing. The modules come from this
# machine's; go.sum still checks them.
sums=$(go version | cat - go.sum | sha256sum | cut -d' ' -f1)
if wanted golang:1.26-bookworm "$sums"; then
	go mod download
	d=$work/golang
	tree "$d"
	mkdir -p "$d/usr/local/go" "$d/go/pkg/mod/cache" "$d/root/.cache"
	tar -C "$(go env GOROOT)" -c --exclude ./api --exclude ./doc --exclude ./test --exclude ./misc \
		--exclude testdata --exclude '*_test.go' . | tar -x -C "$d/usr/local/go"
	cp -a "$(go env GOMODCACHE)/cache/download" "$d/go/pkg/mod/cache/download"
	cache=${XDG_CACHE_HOME:-$HOME/.cache}/returnkit-image-build
	GOCACHE=$cache CGO_ENABLED=0 GOFLAGS=-buildvcs=false \
		go build -trimpath -ldflags '-s -w -buildid=' -o /dev/null ./refserver
	cp -a "$cache" "$d/root/.cache/go-build"
	environment="PATH=/usr/local/go/bin:/usr/bin:/usr/sbin GOPATH=/go GOTOOLCHAIN=local GOFLAGS=-modcacherw HOME=/root"
	modules="GOPROXY=file:///go/pkg/mod/cache/download GONOSUMDB=*"
	image golang:1.26-bookworm "$sums" "$d" "ENV $environment $modules" "WORKDIR /go"
fi

script=$(sha256sum <refserver/deploy/standins.sh | cut -d' ' -f1)
if wanted postgres:15-bookworm "$script"; then
	d=$work/postgres
	tree "$d" /usr/lib/postgresql/15/{bin,lib} /usr/share/postgresql/15 /usr/share/zoneinfo \
		/usr/lib/locale/C.utf8 /usr/bin/setpriv
	mkdir -p "$d/var/lib/postgresql/data" "$d/run/postgresql" "$d/usr/local/bin"
	ln -s ../run "$d/var/run"
	cat >"$d/usr/local/bin/docker-entrypoint.sh" <<'SH'
#!/bin/bash
# The part of the official image's entry point that the compose files use.
set -e
mkdir -p "$PGDATA" /run/postgresql
chown -R 999:999 "$PGDATA" /run/postgresql
as() { setpriv --reuid 999 --regid 999 --clear-groups "$@"; }
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	printf '%s' "$POSTGRES_PASSWORD" >/tmp/pw && chmod 644 /tmp/pw
	as initdb -D "$PGDATA" -U "${POSTGRES_USER:-postgres}" --pwfile=/tmp/pw -A scram-sha-256 --auth-local=trust \
		-E UTF8 --locale=C.UTF-8 >/dev/null
	rm /tmp/pw
	echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
	if [ "${POSTGRES_DB:-postgres}" != postgres ]; then
		echo "CREATE DATABASE \"$POSTGRES_DB\"" | as postgres --single -D "$PGDATA" postgres >/dev/null
	fi
fi
exec setpriv --reuid 999 --regid 999 --clear-groups "$@" -c 'listen_addresses=*'
SH
	chmod 755 "$d/usr/local/bin/docker-entrypoint.sh"
	chown -R 999:999 "$d/var/lib/postgresql" "$d/run/postgresql"
	chmod 3777 "$d/run/postgresql" # as in the real image
	image postgres:15-bookworm "$script" "$d" \
		"ENV PATH=/usr/local/bin:/usr/lib/postgresql/15/bin:/usr/bin:/usr/sbin" \
		"ENV PGDATA=/var/lib/postgresql/data LANG=C.UTF-8" \
		'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["postgres"]' "VOLUME /var/lib/postgresql/data"
fi

if wanted redis:7-bookworm "$script"; then
	tree "$work/redis" /usr/bin/redis-server /usr/bin/redis-cli
	image redis:7-bookworm "$script" "$work/redis" "ENV PATH=/usr/bin:/usr/sbin" \
		'CMD ["redis-server", "--protected-mode", "no"]' "USER 999:999"
fi

if wanted prom/prometheus:v2.42.0 "$script"; then
	d=$work/prometheus
	tree "$d" /usr/bin/prometheus /usr/bin/promtool /usr/share/prometheus
	mkdir -p "$d/prometheus" && chown 65534:65534 "$d/prometheus"
	image prom/prometheus:v2.42.0 "$script" "$d" "ENV PATH=/usr/bin:/usr/sbin" \
		'ENTRYPOINT ["/usr/bin/prometheus"]' "USER 65534:65534" "VOLUME /prometheus" "WORKDIR /prometheus"
fi

if wanted haproxy:2.6-bookworm "$script"; then
	tree "$work/haproxy" /usr/sbin/haproxy
	image haproxy:2.6-bookworm "$script" "$work/haproxy" "ENV PATH=/usr/bin:/usr/sbin" \
		'CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]' "USER 99:99"
fi
