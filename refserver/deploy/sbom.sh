#!/usr/bin/env bash
# Writes the bill of materials of the shop (CycloneDX JSON) and checks that it
# holds every module that is in the binary, in the same version.
#
#   refserver/deploy/sbom.sh [FILE]     # default: sbom.json
set -euo pipefail
file=$(realpath -m "${1:-sbom.json}")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 \
	app -json -licenses -std -main refserver -output "$file" . 2>"$work/log" || { cat "$work/log" >&2; exit 1; }

CGO_ENABLED=0 go build -trimpath -o "$work/refserver" ./refserver
go version -m "$work/refserver" | awk '$1 == "dep" { print $2 "@" $3 }' | sort >"$work/inside"
[[ -s $work/inside ]] || { echo "no modules in the binary" >&2; exit 1; }
grep -oE '"purl": "pkg:golang/[^?"]+' "$file" | sed -E 's,.*pkg:golang/,,; s,%2B,+,g' | sort -u >"$work/listed"
if missing=$(comm -23 "$work/inside" "$work/listed") && [[ -n $missing ]]; then
	printf 'not in %s:\n%s\n' "$file" "$missing" >&2
	exit 1
fi
printf '%s holds the %d modules of the binary\n' "$file" "$(wc -l <"$work/inside")"
