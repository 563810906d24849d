#!/usr/bin/env bash
# SPDX-License-Identifier: PostgreSQL
#
# Checks that every error names its SQLSTATE: ereport in C and RAISE EXCEPTION in SQL.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"
cd "$USDTPAY_ROOT"

mapfile -t c < <(project_files | grep -E '^(extension|workers)/.*\.[ch]$')
mapfile -t sql < <(project_files | grep -E '^sql/.*\.sql$')
# A statement is gathered until its semicolon.
gather='
	FNR == 1 { buf = "" }
	buf == "" && $0 ~ opens { buf = $0; at = FILENAME ":" FNR }
	buf != "" && at != FILENAME ":" FNR { buf = buf $0 }
	buf != "" && /;[ \t]*(\/\*.*|--.*)?$/ {
		if (buf !~ needs) { print at ": an error without " what; bad++ }
		buf = ""
	}
	END { exit bad > 0 }'
status=0
awk -v opens='ereport\\((ERROR|FATAL|PANIC)' -v needs='errcode' -v what=errcode "$gather" \
	"${c[@]}" || status=1
awk -v opens='RAISE EXCEPTION' -v needs='ERRCODE' -v what=ERRCODE "$gather" "${sql[@]}" || status=1
exit $status
