# shellcheck shell=bash
# SPDX-License-Identifier: PostgreSQL
#
# Sourced by run: how figures are taken and printed.
#
# A race takes turns: every round measures each contestant once, every other round in reverse, so
# that whatever else the machine does hits all of them alike.  The first round warms up and does
# not count.  A figure is the median of its rounds.

# figure NAME VALUE UNIT BASELINE: prints the line of one figure and keeps it for the table.
figure() {
	awk -v name="$1" -v value="$2" -v unit="$3" -v base="$4" '
		function short(v) { return sprintf(v >= 100 ? "%.0f" : v >= 1 ? "%.2f" : "%.4f", v) }
		BEGIN {
			printf "bench %s %s %s baseline=%s ratio=%s\n", name, short(value), unit, short(base),
				(base > 0 ? sprintf("%.2f", value / base) : "-")
		}' | tee -a "$RESULTS/figures"
}

# median LABEL: of the label's samples.
median() {
	sort -g "$RESULTS/samples.$1" | awk '
		{ v[NR] = $1 }
		END {
			if (NR == 0) exit 1
			print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
		}'
}

# compare NAME LABEL UNIT LABEL: the figure of a contestant with another one as its baseline.
compare() {
	local value base
	value=$(median "$2")
	base=$(median "$4")
	figure "$1" "$value" "$3" "$base"
}

# race CONTESTANT...: a contestant is a label and the command that prints its sample, in one
# string: "label command argument...".
race() {
	local round entry value order=("$@")
	for entry in "${order[@]}"; do rm -f "$RESULTS/samples.${entry%% *}"; done
	for ((round = 0; round <= BENCH_RUNS; round++)); do
		for entry in "${order[@]}"; do
			# shellcheck disable=SC2086
			value=$(${entry#* }) || die "${entry%% *} failed"
			# a function called like this goes on after an error: what it printed tells
			[[ $value =~ ^[0-9]+(\.[0-9]+)?(e[+-][0-9]+)?$ ]] || die "${entry%% *} gave \"$value\""
			[ "$round" -eq 0 ] || printf '%s\n' "$value" >>"$RESULTS/samples.${entry%% *}"
		done
		mapfile -t order < <(printf '%s\n' "${order[@]}" | tac)
	done
}

# rate DATABASE USER CLIENTS FILE: transactions per second of a pgbench script.
rate() {
	local out=$RESULTS/pgbench
	pgbench -n -M prepared -c "$3" -j 2 -T "$BENCH_SECONDS" -U "$2" -f "$BENCH_DIR/$4" "$1" \
		>"$out" 2>&1 || true
	if ! grep -q '^number of failed transactions: 0 ' "$out" || grep -q aborted "$out"; then
		cat "$out" >&2
		return 1
	fi
	sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$out"
}

query() { # query DATABASE SQL: what it answers, bare
	psql -XAtq -v ON_ERROR_STOP=1 -d "$1" -c "$2"
}

script() { # script DATABASE FILE [PSQL OPTION]...: what the script prints, bare
	local db=$1 file=$2
	shift 2
	psql -XAtq -v ON_ERROR_STOP=1 -d "$db" "$@" -f "$BENCH_DIR/$file"
}

node_script() { # node_script FILE [ARGUMENT]...
	node "$BENCH_DIR/$1" "${@:2}"
}
