#!/usr/bin/env bash
# SPDX-License-Identifier: PostgreSQL
#
# Checks what every text file of the project keeps: no machine's paths, no download addresses,
# a licence line, lines that fit, no trailing space.  Prints each fault as FILE:LINE: what.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"
cd "$USDTPAY_ROOT"
faults=0

complain() { # complain WHAT: every line of the input is a fault
	local line
	while IFS= read -r line; do
		printf '%s: %s\n' "$line" "$1"
		faults=$((faults + 1))
	done
}

mapfile -t all < <(project_files | grep -v '^test/vectors/')
mapfile -t source < <(printf '%s\n' "${all[@]}" |
	grep -E '\.(c|h|pl|pm|mjs|js|sol|sh)$|^tools/|^\.ci/|^test/chain/node$')
mapfile -t wide < <(printf '%s\n' "${source[@]}" "${all[@]}" |
	grep -E '\.(c|h|pl|pm|mjs|js|sol|sh)$|^tools/|^\.ci/|(^|/)Makefile$' | sort -u)
mapfile -t sql < <(printf '%s\n' "${all[@]}" | grep -E '\.(sql|spec)$')

# Split so that this file does not match itself.
rooted='wor''k|far''m|root|home/[a-z]+'
registries="registry\.""npmjs|pypi\.""org/|deb\.debian\.""org"
complain 'a path of somebody'\''s machine' < <(
	grep -nE "(^|[\"' =:])/($rooted)/" "${all[@]}" | cut -d: -f1,2)
complain 'an address of a package registry' < <(
	grep -nE "\"resolv""ed\": *\"http|$registries" "${all[@]}" | cut -d: -f1,2)
complain 'no licence line' < <(grep -L 'SPDX-License-Identifier: PostgreSQL' "${source[@]}")
complain 'trailing space' < <(grep -nE '[ 	]+$' "${source[@]}" "${sql[@]}" | cut -d: -f1,2)
# SQL inside Perl keeps its own shape.
mapfile -t tests < <(printf '%s\n' "${wide[@]}" | grep '^test/' | grep -v '\.pl$')
mapfile -t product < <(printf '%s\n' "${wide[@]}" | grep -v '^test/')
complain 'a line of more than 100 columns' < <(columns 100 "${product[@]}")
complain 'a line of more than 160 columns' < <(columns 160 "${tests[@]}")
# Prose inside a string may run on; statements may not.
mapfile -t statements < <(printf '%s\n' "${sql[@]}" | grep '^sql/')
complain 'a line of more than 160 columns' < <(columns 160 "${statements[@]}")
exit $((faults > 0))
