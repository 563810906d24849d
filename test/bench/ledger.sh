#!/usr/bin/env bash
# SPDX-License-Identifier: PostgreSQL
#
# Measures the ledger against its baselines on a database it fills itself.
#
#   tools/world test/bench/ledger.sh          needs PGHOST, PGPORT, PGUSER of a scratch cluster
#   SECONDS_EACH=5 ROUNDS=5 CLIENTS="1 4 16"  how long, how often, how many
#
# Rounds are interleaved, so that a disturbance hits every contender alike; each figure is the median.
# Batch figures are journals per second and include the making of the arrays (about 20 ms of CPU per
# 10,000), which every contender pays.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
db=${BENCH_DATABASE:-usdtpay_bench}
seconds=${SECONDS_EACH:-5} rounds=${ROUNDS:-5} clients=${CLIENTS:-1 4 16}
results=$(mktemp)
trap 'rm -f "$results"' EXIT

run() { # run CLIENTS SCRIPT SCALE: one pgbench run, one line "CLIENTS SCRIPT RATE"
	local tps
	tps=$(pgbench -n -M prepared -c "$1" -j 2 -T "$seconds" -f "$here/ledger_$2.sql" "$db" 2>/dev/null |
		awk '/^tps/ {print $3}')
	awk -v c="$1" -v s="$2" -v t="$tps" -v k="$3" 'BEGIN {printf "%s %s %.0f\n", c, s, t * k}' >>"$results"
}

median() { # median CLIENTS SCRIPT
	awk -v c="$1" -v s="$2" '$1 == c && $2 == s {print $3}' "$results" | sort -n |
		awk '{v[NR] = $1} END {print NR ? v[int((NR + 1) / 2)] : 0}'
}

row() { # row NAME CLIENTS SCRIPT BASELINE...
	local name=$1 c=$2 script=$3 own base
	own=$(median "$c" "$script")
	printf '%-28s c=%-3s %9s /s' "$name" "$c" "$own"
	for base in "${@:4}"; do
		awk -v n="$base" -v a="$own" -v b="$(median "$c" "$base")" \
			'BEGIN {printf "   %s %d /s (x%.2f)", n, b, b ? a / b : 0}'
	done
	printf '\n'
}

psql -X -q -d postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db"
psql -X -q -d "$db" -c 'CREATE EXTENSION usdtpay'
psql -X -q -o /dev/null -v ON_ERROR_STOP=1 -d "$db" -f "$here/ledger_setup.sql"
for _ in $(seq "$rounds"); do
	for c in $clients; do
		for script in post post_plpgsql post_insert hot hot_plpgsql; do run "$c" $script 1; done
	done
	for script in batch batch_sql; do run 1 $script 10000; done
done
psql -X -At -d "$db" -c "SELECT 'check failed: ' || \"check\" || ': ' || detail FROM usdtpay.ledger_verify() WHERE NOT holds"
for c in $clients; do
	row 'single, random accounts' "$c" post post_plpgsql post_insert
	row 'single, one hot account' "$c" hot hot_plpgsql
done
row 'batch of 10,000' 1 batch batch_sql
# Last, because it leaves no history behind that would verify.
for _ in $(seq "$rounds"); do run 1 batch_bare 10000; done
row 'batch, bare SQL' 1 batch batch_bare
[ -n "${KEEP:-}" ] || psql -X -q -d postgres -c "DROP DATABASE $db"
