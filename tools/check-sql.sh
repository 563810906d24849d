#!/usr/bin/env bash
# SPDX-License-Identifier: PostgreSQL
#
# Checks the shape of the SQL: every part is in MANIFEST once, and code/ only replaces.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"
cd "$USDTPAY_ROOT"
status=0

listed=$(sed 's/#.*//' sql/MANIFEST | awk 'NF {print "sql/" $1}' | sort)
present=$(project_files | grep -E '^sql/(schema|code)/.*\.sql$' | sort)
if [ "$listed" != "$present" ]; then
	echo 'sql/MANIFEST (<) and the files of sql/ (>) differ:'
	diff <(printf '%s\n' "$listed") <(printf '%s\n' "$present") | grep '^[<>]' || :
	status=1
fi
# What re-runs on every update must be able to; what runs once must not pretend it could.
grep -nE '^CREATE (FUNCTION|PROCEDURE|VIEW|TRIGGER)' sql/code/*.sql |
	sed 's/$/: needs OR REPLACE/' | grep . && status=1
once='TABLE|TYPE|DOMAIN|INDEX|UNIQUE INDEX|SEQUENCE'
grep -nE "^CREATE (UNLOGGED )?($once)" sql/code/*.sql |
	sed 's/$/: belongs to schema/' | grep . && status=1
grep -nE 'CREATE .*IF NOT EXISTS|CASCADE;' sql/schema/*.sql sql/code/*.sql |
	sed 's/$/: hides a squatted object/' | grep . && status=1
exit $status
