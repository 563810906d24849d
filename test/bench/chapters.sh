# shellcheck shell=bash
# SPDX-License-Identifier: PostgreSQL
#
# Sourced by run: one function per chapter, and what the chapters share.

XPUB=xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj
USDT_EVM=0xdAC17F958D2ee523a2206206994597C13D831ec7
USDT_TRON=TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t
MADE=      # databases there are
DATABASES= # those a figure is taken in

# database NAME: makes it unless it is there.  plain is what a young shop has; rival is the same for
# the baselines, so that nobody works on tables another one left bloated; million is the same with
# a million old orders and watched addresses.
database() {
	case " $MADE " in *" $1 "*) return ;; esac
	case $1 in
		plain)
			createdb -T template0 plain
			query plain 'CREATE EXTENSION usdtpay'
			query plain 'SELECT usdtpay.roles_setup()' >/dev/null
			query plain 'CREATE ROLE bench_shop LOGIN; GRANT usdtpay_merchant TO bench_shop'
			script plain ledger_setup.sql >/dev/null
			script plain setup.sql >/dev/null
			;;
		rival)
			database plain
			createdb -T plain rival
			;;
		tron)
			createdb -T template0 tron
			query tron 'CREATE EXTENSION usdtpay'
			script tron tron.sql -v "xpub=$XPUB" -v "token=$USDT_TRON" >/dev/null
			;;
		live)
			createdb -T template0 live
			query live 'CREATE EXTENSION usdtpay'
			script live live.sql >/dev/null
			;;
		million)
			database plain
			createdb -T plain million
			script million million.sql
			;;
	esac
	query "$1" CHECKPOINT
	MADE="$MADE $1"
}

# databases: makes those a figure and its baseline are taken in.
databases() {
	database rival
	DATABASES=plain
	if [ "$BENCH_MILLION" != 0 ]; then
		database million
		DATABASES="plain million"
	fi
}

# million NAME LABEL UNIT: the figure of a contestant in database million, its baseline the one in
# database plain.
million() {
	if [ "$BENCH_MILLION" != 0 ]; then compare "$1_million" "$2.million" "$3" "$2.plain"; fi
}

# contestants LABEL COMMAND...: one per database; %s in the command stands for its name.
contestants() {
	local db
	for db in $DATABASES; do
		# shellcheck disable=SC2059
		printf "%s.%s ${*:2}\n" "$1" "$db" "$db"
	done
}

chapter_derive() {
	database plain
	race "derive script plain derive.sql -v xpub=$XPUB -v count=10000" \
		"ethers node_script derive.mjs $XPUB"
	compare derive derive addresses/s/core ethers
}

chapter_evm() {
	local file=$CLUSTER/logs.json count=40000 call
	database plain
	node_script evm.mjs make $count "$file"
	call="-v file=$file -v function=evm_transfers -v token=$USDT_EVM -v count=$count"
	race "transfers script plain transfers.sql $call" \
		"viem node_script evm.mjs read $file"
	compare evm_transfers transfers logs/s/core viem
}

# Fifty full blocks of TRON, every tenth transfer to a customer of ours; taking them in includes
# recomputing every block's id and is rolled back each time.
chapter_tron() {
	local dir=$CLUSTER/tron watch token count chain call
	mkdir "$dir"
	database tron
	watch=$(query tron "SELECT usdtpay.deposit_address('c' || n, 'tron', 'shop') FROM generate_series(1, 20) AS n")
	# shellcheck disable=SC2086
	read -r token count chain < <(node_script tron.mjs make 50 "$dir/headers" "$dir/infos" "$dir/flat" $watch)
	[ "$token" = "$USDT_TRON" ] || die "the TRON node has another token, $token, on chain $chain"
	call="-v file=$dir/flat -v function=tron_transfers -v token=$USDT_TRON -v count=$count"
	race "transfers script tron transfers.sql $call" \
		"ingest script tron tron_ingest.sql -v headers=$dir/headers -v infos=$dir/infos -v count=$count" \
		"tronweb node_script tron.mjs read $dir/flat"
	compare tron_transfers transfers infos/s/core tronweb
	compare tron_ingest ingest infos/s/core tronweb
	if [ -n "${BENCH_TRON_DAY:-}" ]; then tron_day; fi
}

# A day of TRON behind: how long until the scanner is level with the node, and what it asked for.
tron_day() {
	local blocks=$((BENCH_TRON_DAY > 1 ? BENCH_TRON_DAY : 28800)) label value
	database live
	# shellcheck disable=SC2086
	BENCH_XPUB=$XPUB node_script tron_day.mjs $blocks ${BENCH_TRON_LOGS:-} >"$RESULTS/tron_day"
	sed 's/^/# tron_day /' "$RESULTS/tron_day"
	while read -r label value; do
		printf '%s\n' "$value" >"$RESULTS/samples.day_$label"
	done <"$RESULTS/tron_day"
	figure tron_day_speed "$(median day_speed)" x 1
	compare tron_day_seconds day_seconds s day_lasted
	compare tron_day_requests day_requests requests day_blocks
	compare tron_day_megabytes day_megabytes MB day_blocks
	compare tron_day_memory day_memory_peak MiB day_memory_begin
}

chapter_ledger() {
	local clients list
	databases
	for clients in 1 4 16; do
		mapfile -t list < <(contestants post "rate %s postgres $clients ledger_post.sql")
		race "${list[@]}" "plpgsql rate rival postgres $clients ledger_post_plpgsql.sql" \
			"insert rate rival postgres $clients ledger_post_insert.sql"
		compare "ledger_post_${clients}_vs_plpgsql" post.plain postings/s plpgsql
		compare "ledger_post_${clients}_vs_insert" post.plain postings/s insert
		million "ledger_post_$clients" post postings/s
	done
	mapfile -t list < <(contestants hot "rate %s postgres 16 ledger_hot.sql")
	race "${list[@]}" "plpgsql rate rival postgres 16 ledger_hot_plpgsql.sql"
	compare ledger_hot_16_vs_plpgsql hot.plain postings/s plpgsql
	million ledger_hot_16 hot postings/s
	mapfile -t list < <(contestants batch "batch %s usdtpay.ledger_post_batch created")
	race "${list[@]}" "sql batch rival public.bench_batch r" "bare batch rival public.bench_batch_bare r"
	compare ledger_batch_vs_sql batch.plain postings/s sql
	compare ledger_batch_vs_bare batch.plain postings/s bare
	million ledger_batch batch postings/s
}

# batch DATABASE FUNCTION ANSWER: postings per second in batches of 10,000, of which the first of a
# session does not count.
batch() {
	local posted=$3 args=(-X -A -t -q -v ON_ERROR_STOP=1 -d "$1") i
	[ "$posted" = r ] || posted="count(*) FILTER (WHERE r.status = 'created')"
	args+=(-v "call=$2" -v "posted=$posted" -v count=0 -v seconds=0 -f "$BENCH_DIR/batch.sql")
	args+=(-c '\set count 0' -c '\set seconds 0')
	for ((i = 0; i < 3 * BENCH_SECONDS; i++)); do args+=(-f "$BENCH_DIR/batch.sql"); done
	psql "${args[@]}" -f "$BENCH_DIR/batch_rate.sql"
}

chapter_order() {
	local clients list
	databases
	for clients in 1 4 16; do
		mapfile -t list < <(contestants create "rate %s bench_shop $clients order_create.sql")
		race "${list[@]}" "insert rate rival bench_shop $clients order_insert.sql"
		compare "order_create_$clients" create.plain orders/s insert
		million "order_create_$clients" create orders/s
	done
}

# settle DATABASE: seconds that one block with 10,000 deposits takes.
settle() {
	local run=$RANDOM$RANDOM
	script "$1" settle_make.sql -v "run=$run" -v orders=10000 &&
		script "$1" settle.sql -v "run=$run" -v orders=10000 &&
		printf '%s\n' "$run" >"$RESULTS/settled.$1"
}

settle_sql() { # settle_sql DATABASE: the same rows as were settled last, as plain sets
	script "$1" settle_sql.sql -v "run=$(cat "$RESULTS/settled.$1")"
}

# A turn takes many seconds, most of them to make the orders: three do.
chapter_settle() {
	local list
	databases
	mapfile -t list < <(contestants settle "settle %s")
	BENCH_RUNS=$((BENCH_RUNS < 3 ? BENCH_RUNS : 3)) race "${list[@]}" "sql settle_sql plain"
	compare settle_10000 settle.plain s sql
	million settle_10000 settle s
}

# From a payment to its order with a real node, polled as often as by default; what the workers
# hold in memory after a block with 10,000 payments and 20,000 webhooks; what they cost idle.
chapter_workers() {
	local poll=250 label value
	database live
	BENCH_XPUB=$XPUB node_script live.mjs $poll 20 10000 >"$RESULTS/live"
	while read -r label value; do
		printf '%s\n' "$value" >>"$RESULTS/samples.$label"
	done <"$RESULTS/live"
	printf '%s\n' $poll >"$RESULTS/samples.poll"
	sort -g "$RESULTS/samples.latency" | tail -n 1 >"$RESULTS/samples.slowest"
	compare latency_median latency ms poll
	compare latency_max slowest ms poll
	compare worker_scanner_memory scanner MiB backend
	compare worker_courier_memory courier MiB backend
	compare workers_idle idle ms/s server
}
