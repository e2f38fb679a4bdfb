#!/usr/bin/env bash
# Writes the bill of materials of the shop (CycloneDX JSON) and checks that it
# holds every module that is built into it, in the same version.
#
#   refserver/deploy/sbom.sh [FILE]     # default: sbom.json
set -euo pipefail
file=$(realpath -m "${1:-sbom.json}")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 \
	app -json -licenses -std -main refserver -output "$file" . 2>"$work/log" || { cat "$work/log" >&2; exit 1; }

go list -deps -f '{{with .Module}}{{if .Version}}{{.Path}}@{{.Version}}{{end}}{{end}}' ./refserver |
	sort -u | grep . >"$work/inside"
grep -oE '"purl": "pkg:golang/[^?"]+' "$file" | sed -E 's,.*pkg:golang/,,; s,%2B,+,g' | sort -u >"$work/listed"
if missing=$(comm -23 "$work/inside" "$work/listed") && [[ -n $missing ]]; then
	printf 'not in %s:\n%s\n' "$file" "$missing" >&2
	exit 1
fi
printf '%s holds all %d modules of the shop\n' "$file" "$(wc -l <"$work/inside")"
