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

wanted() { [[ $force == --force ]] || ! docker image inspect "$1" >/dev/null 2>&1; }

# closure PACKAGE...: the packages and everything they depend on, as installed.
closure() {
	apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts \
		--no-breaks --no-replaces --no-enhances "$@" | grep -E '^[a-z0-9]' | cut -d: -f1 | sort -u
}

# tree DIR PACKAGE...: the files of the packages and their dependencies in DIR.
tree() {
	local dir=$1
	shift
	mkdir -p "$dir"/{bin,sbin,lib,lib64,tmp,run,etc,proc,sys,dev,root,usr/bin,usr/sbin,usr/lib}
	chmod 1777 "$dir/tmp"
	rmdir "$dir"/{bin,sbin,lib,lib64}
	ln -s usr/bin "$dir/bin" && ln -s usr/sbin "$dir/sbin" && ln -s usr/lib "$dir/lib" && ln -s usr/lib64 "$dir/lib64"
	mkdir -p "$dir/usr/lib64"
	for p in $(closure "$@" bash coreutils libc-bin base-files); do
		dpkg -L "$p" 2>/dev/null || true
	done | grep -vE '^/(usr/share/(doc|man|info|locale|lintian)/|\.$)' | sort -u | while read -r f; do
		{ [[ -f $f || -L $f ]] && printf '%s\0' "$(readlink -f "$(dirname "$f")")/$(basename "$f")"; } || true
	done | tar -c --transform "s,^,.,S" -P --no-recursion --null -T - | tar -x -C "$dir"
	for f in /etc/ssl/certs/ca-certificates.crt /etc/ld.so.cache /etc/nsswitch.conf; do
		[[ -f $f ]] && mkdir -p "$dir$(dirname "$f")" && cp -L "$f" "$dir$f"
	done
	printf 'root:x:0:0::/root:/bin/bash\n' >"$dir/etc/passwd"
	printf 'root:x:0:\n' >"$dir/etc/group"
	# Alternatives that package scripts make.
	[[ -e $dir/usr/bin/sh ]] || ln -s bash "$dir/usr/bin/sh"
}

# image NAME DIR CHANGE...: imports DIR as an image.
image() {
	local name=$1 dir=$2 changes=()
	shift 2
	for c in "$@"; do changes+=(--change "$c"); done
	tar -C "$dir" -c . | docker import "${changes[@]}" - "$name" >/dev/null
	rm -rf "$dir"
	printf 'made %s\n' "$name"
}

# The build needs the modules of this checkout: another go.sum, another image.
sums=$(sha256sum go.sum | cut -d' ' -f1)
if [[ $(docker image inspect --format '{{.Config.Labels.sums}}' golang:1.26-bookworm 2>/dev/null) != "$sums" ]] || wanted golang:1.26-bookworm; then
	go mod download # what the build needs, from this checkout
	d=$work/golang
	tree "$d" ca-certificates
	mkdir -p "$d/usr/local" "$d/go/pkg/mod/cache"
	cp -a "$(go env GOROOT)" "$d/usr/local/go"
	cp -a "$(go env GOMODCACHE)/cache/download" "$d/go/pkg/mod/cache/download"
	# A build there starts from what a build here compiled, and not from nothing.
	mkdir -p "$d/root/.cache"
	GOCACHE=$d/root/.cache/go-build CGO_ENABLED=0 GOFLAGS=-buildvcs=false go build -trimpath -ldflags '-s -w -buildid=' -o /dev/null ./refserver
	# Modules come from the copied download cache; go.sum still checks them.
	image golang:1.26-bookworm "$d" "ENV PATH=/usr/local/go/bin:/usr/bin:/usr/sbin GOPATH=/go GOTOOLCHAIN=local GOPROXY=file:///go/pkg/mod/cache/download GONOSUMDB=* GONOSUMCHECK=1 GOFLAGS=-modcacherw HOME=/root" "LABEL sums=$sums" "WORKDIR /go"
fi

if wanted postgres:15-bookworm; then
	d=$work/postgres
	tree "$d" postgresql-15 postgresql-client-15 util-linux
	mkdir -p "$d/var/lib/postgresql/data" "$d/run/postgresql" "$d/usr/local/bin"
	printf 'postgres:x:999:999::/var/lib/postgresql:/bin/bash\n' >>"$d/etc/passwd"
	printf 'postgres:x:999:\n' >>"$d/etc/group"
	cat >"$d/usr/local/bin/docker-entrypoint.sh" <<'SH'
#!/bin/bash
# The part of the official image's entry point that the compose files use.
set -e
mkdir -p "$PGDATA" /var/run/postgresql
chown -R 999:999 "$PGDATA" /var/run/postgresql
as() { setpriv --reuid 999 --regid 999 --clear-groups "$@"; }
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	printf '%s' "$POSTGRES_PASSWORD" >/tmp/pw && chmod 644 /tmp/pw
	as initdb -D "$PGDATA" -U "${POSTGRES_USER:-postgres}" --pwfile=/tmp/pw -A scram-sha-256 --auth-local=trust -E UTF8 --locale=C.UTF-8 >/dev/null
	rm /tmp/pw
	echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
	echo 'host replication all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
	if [ "${POSTGRES_DB:-postgres}" != postgres ]; then
		echo "CREATE DATABASE \"$POSTGRES_DB\"" | as postgres --single -D "$PGDATA" postgres >/dev/null
	fi
fi
exec setpriv --reuid 999 --regid 999 --clear-groups "$@" -c 'listen_addresses=*'
SH
	chmod 755 "$d/usr/local/bin/docker-entrypoint.sh"
	chown -R 999:999 "$d/var/lib/postgresql" "$d/run/postgresql"
	image postgres:15-bookworm "$d" "ENV PATH=/usr/local/bin:/usr/lib/postgresql/15/bin:/usr/bin:/usr/sbin PGDATA=/var/lib/postgresql/data LANG=C.UTF-8" \
		'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["postgres"]' "VOLUME /var/lib/postgresql/data"
fi

if wanted redis:7-bookworm; then
	d=$work/redis
	tree "$d" redis-server redis-tools
	image redis:7-bookworm "$d" "ENV PATH=/usr/bin:/usr/sbin" 'CMD ["redis-server", "--protected-mode", "no"]' "USER 999:999"
fi

if wanted prom/prometheus:v2.42.0; then
	d=$work/prometheus
	tree "$d" prometheus
	mkdir -p "$d/prometheus" && chown 65534:65534 "$d/prometheus"
	image prom/prometheus:v2.42.0 "$d" "ENV PATH=/usr/bin:/usr/sbin" 'ENTRYPOINT ["/usr/bin/prometheus"]' "USER 65534:65534" "VOLUME /prometheus" "WORKDIR /prometheus"
fi

if wanted haproxy:2.6-bookworm; then
	d=$work/haproxy
	tree "$d" haproxy
	image haproxy:2.6-bookworm "$d" "ENV PATH=/usr/bin:/usr/sbin" 'CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]' "USER 99:99"
fi
