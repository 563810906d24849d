#!/usr/bin/env bash
# SPDX-License-Identifier: PostgreSQL
#
# Checks that the documents are complete: every setting stands in docs/settings.md, every SQLSTATE
# in docs/errors.md, every function and view of the schema usdtpay in docs/reference.md, and
# that none of them speaks of one that does not exist.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"
cd "$USDTPAY_ROOT"
status=0

compare() { # compare WHAT FILE: lines "+name" are in the code, "-name" in the document
	local diff
	diff=$(comm -3 <(sort -u "$1") <(sort -u "$2") |
		sed $'s/^\t/only in the document: /; t; s/^/missing in the document: /')
	[ -z "$diff" ] || {
		printf '%s: %s\n' "$3" "$(head -20 <<<"$diff")"
		status=1
	}
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
grep -oE '"usdtpay\.[a-z_]+"' extension/guc.c | tr -d '"' >"$work/code"
grep -oE '^\| `usdtpay\.[a-z_]+`' docs/settings.md | tr -d '|` ' >"$work/doc"
compare "$work/code" "$work/doc" docs/settings.md
grep -oE "UP_CODE\('.', '.', '.'\)" extension/errors.h |
	sed -E "s/.*'(.)', '(.)', '(.)'.*/UP\1\2\3/" >"$work/code"
grep -oE '^\| `UP[0-9A-Z]{3}`' docs/errors.md | tr -d '|` ' >"$work/doc"
compare "$work/code" "$work/doc" docs/errors.md
grep -hoE 'CREATE (OR REPLACE )?(FUNCTION|VIEW) usdtpay\.[a-z0-9_]+' \
	sql/code/*.sql sql/schema/*.sql | sed -E 's/.* //' >"$work/code"
grep -oE '^### `usdtpay\.[a-z0-9_]+' docs/reference.md | tr -d '#` ' >"$work/doc"
compare "$work/code" "$work/doc" docs/reference.md
exit $status
