#!/usr/bin/env bash
# SPDX-License-Identifier: PostgreSQL
#
# Checks that a file is still one room: at most 900 lines, a C function at most 80.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"
cd "$USDTPAY_ROOT"

mapfile -t source < <(project_files | grep -v '^test/vectors/' |
	grep -E '\.(c|h|sql|pl|pm|mjs|js|sol|sh)$|^tools/')
mapfile -t c < <(project_files | grep -E '^(extension|workers|signer|gateway)/.*\.c$')
status=0
awk '
	function judge() { if (n > 900) { print file ": " n " lines"; bad++ } }
	FNR == 1 { judge(); file = FILENAME }
	{ n = FNR }
	END { judge(); exit bad > 0 }
' "${source[@]}" || status=1
awk -v limit=80 '
	/^\{/ { start = FNR }
	/^\}/ && start && FNR - start > limit {
		print FILENAME ":" start ": a function of " FNR - start " lines"
		bad++
	}
	/^\}/ { start = 0 }
	END { exit bad > 0 }
' "${c[@]}" || status=1
exit $status
