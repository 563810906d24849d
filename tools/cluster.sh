# shellcheck shell=bash
# SPDX-License-Identifier: PostgreSQL
#
# Sourced inside the private world: a throw-away cluster that only its own user can reach, through
# a socket, and that is gone when the script ends.

# cluster_start NAME [CONFIGURATION LINE]...
# Sets CLUSTER and PGHOST, PGPORT, PGUSER.  The directory's name is short: a socket path has 107
# bytes.
cluster_start() {
	local name=$1 line
	shift
	CLUSTER=$(mktemp -d "$USDTPAY_RUN/$name.XXXXXX")
	initdb -D "$CLUSTER/data" -A trust -U postgres -E UTF8 --locale=C.UTF-8 --no-sync \
		--no-instructions >"$CLUSTER/initdb.log" 2>&1 || {
		cat "$CLUSTER/initdb.log" >&2
		return 1
	}
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$CLUSTER'"
		echo "shared_preload_libraries = 'usdtpay,pg_cron'"
		echo "cron.database_name = 'usdtpay'"
		echo "timezone = 'UTC'"
		for line in "$@"; do echo "$line"; done
	} >>"$CLUSTER/data/postgresql.conf"
	trap cluster_remove EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	pg_ctl -s -w -D "$CLUSTER/data" -l "$CLUSTER/log" start || {
		tail -n 30 "$CLUSTER/log" >&2
		return 1
	}
	export PGHOST=$CLUSTER PGPORT=5432 PGUSER=postgres
}

# Durability is of no use to a cluster that is thrown away.
# shellcheck disable=SC2034
CLUSTER_FAST=("fsync = off" "synchronous_commit = off" "full_page_writes = off")

cluster_database() { # cluster_database NAME [EXTENSION]...: creates it, with usdtpay
	local db=$1 ext
	shift
	createdb "$db"
	for ext in usdtpay "$@"; do
		psql -Xqd "$db" -v ON_ERROR_STOP=1 -c "CREATE EXTENSION $ext"
	done
}

# A crash of the server is a failure whatever the tests said.
cluster_crashed() {
	grep -E 'was terminated by signal|PANIC:|TRAP:' "$CLUSTER/log"
}

cluster_remove() {
	[ -n "${CLUSTER:-}" ] || return 0
	if [ -s "$CLUSTER/data/postmaster.pid" ]; then
		pg_ctl -s -w -D "$CLUSTER/data" -m immediate stop
	fi
	[ -n "${USDTPAY_KEEP:-}" ] || rm -rf "$CLUSTER"
	CLUSTER=
}
