#!/usr/bin/env bash
# Adds to each image that the Dockerfile and the compose files name the digest
# that its registry has for it now (name:tag@sha256:...), so that the next build
# and the next start use the same bytes. It asks the registry for each; what that
# does not answer is left as it is, and named.
#
#   refserver/deploy/pin.sh            # add what is missing
#   refserver/deploy/pin.sh --again    # ask anew for those that have a digest
#   refserver/deploy/pin.sh --check    # change nothing; fail unless all have one
set -euo pipefail
cd "${DEPLOY_DIR:-$(dirname "$0")}"
mode=${1:-}
case $mode in '' | --again | --check) ;; *) printf 'pin.sh: unknown argument %s\n' "$mode" >&2; exit 2 ;; esac

files=(Dockerfile *.yml)
left=0

# images prints what the files take from a registry: not scratch, and not what
# they build themselves.
images() {
	sed -nE 's/^FROM ([^ ]+).*$/\1/p; s/^ +image: ([^ #]+).*$/\1/p' "${files[@]}" |
		grep -vE '^(scratch$|returnkit/)' | sort -u
}

# digest prints the digest of an image in its registry. What this machine alone
# has under the name, such as a stand-in, has none.
digest() {
	docker pull --quiet "$1" >/dev/null 2>&1 || return 1
	docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$1" 2>/dev/null |
		sed -nE 's/^.*@(sha256:[0-9a-f]{64})$/\1/p' | head -1
}

for image in $(images); do
	name=${image%@*}
	if [[ $image == *@* && $mode != --again ]]; then
		printf 'pinned   %s\n' "$image"
		continue
	fi
	found=
	[[ $mode == --check ]] || found=$(digest "$name" || true)
	if [[ -z $found ]]; then
		printf 'no digest for %s: left as it is\n' "$image" >&2
		left=1
		continue
	fi
	sed -i -E "s,^(FROM| +image:) ${image//./\\.}( |\$),\1 $name@$found\2," "${files[@]}"
	printf 'pinned   %s@%s\n' "$name" "$found"
done
exit "$left"
