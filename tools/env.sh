# shellcheck shell=bash
# SPDX-License-Identifier: PostgreSQL
#
# Sourced by every tool.  The single place that knows where things are.
#
# Tests and the demo run in a private world: one run directory per checkout and user that holds a
# copy of the tree, a relocated copy of the system's PostgreSQL with usdtpay installed into it,
# and whatever clusters are up.  Nothing outside it is written, no system service is touched.

USDTPAY_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# The PostgreSQL of the Debian release, unless another one is named.
if [ -z "${USDTPAY_PG_MAJOR:-}" ]; then
	case $(sed -n 's/^VERSION_ID="\(.*\)"/\1/p' /etc/os-release 2>/dev/null) in
		12) USDTPAY_PG_MAJOR=15 ;;
		13) USDTPAY_PG_MAJOR=17 ;;
		*) USDTPAY_PG_MAJOR=18 ;;
	esac
fi
USDTPAY_SYSTEM_PG=${USDTPAY_SYSTEM_PG:-/usr/lib/postgresql/$USDTPAY_PG_MAJOR}
USDTPAY_SYSTEM_SHARE=${USDTPAY_SYSTEM_SHARE:-/usr/share/postgresql/$USDTPAY_PG_MAJOR}

# PostgreSQL refuses to run as root; its own package made this user.
if [ "$(id -u)" = 0 ]; then USDTPAY_USER=postgres; else USDTPAY_USER=$(id -un); fi

# Inside the world the variable is inherited, so that both sides agree.
if [ -z "${USDTPAY_RUN:-}" ]; then
	USDTPAY_RUN=${TMPDIR:-/tmp}/usdtpay-$(id -u)-$(printf '%s' "$USDTPAY_ROOT" |
		sha256sum | cut -c1-8)
fi
USDTPAY_SRC=$USDTPAY_RUN/src
USDTPAY_PG=$USDTPAY_RUN/pg/lib/postgresql/$USDTPAY_PG_MAJOR
USDTPAY_PG_CONFIG=$USDTPAY_PG/bin/pg_config
export USDTPAY_PG_MAJOR USDTPAY_RUN USDTPAY_SRC USDTPAY_PG USDTPAY_PG_CONFIG

say() { printf '%s\n' "$*" >&2; }
die() {
	say "$(basename "$0"): $*"
	exit 1
}

# as_user COMMAND...: replaces this process by COMMAND under the unprivileged user.
as_user() {
	if [ "$(id -u)" = 0 ]; then
		exec setpriv --reuid="$USDTPAY_USER" --regid="$USDTPAY_USER" --init-groups \
			env HOME="$USDTPAY_RUN" USER="$USDTPAY_USER" LOGNAME="$USDTPAY_USER" "$@"
	fi
	exec "$@"
}

# project_files: every file of the project, committed or about to be; works without Git as well.
project_files() {
	if [ -e "$USDTPAY_ROOT/.git" ]; then
		git -c safe.directory="$USDTPAY_ROOT" -C "$USDTPAY_ROOT" ls-files -co --exclude-standard |
			while IFS= read -r f; do [ ! -f "$USDTPAY_ROOT/$f" ] || printf '%s\n' "$f"; done
	else
		(cd "$USDTPAY_ROOT" && find . -type f \
			-not -path '*/node_modules/*' -not -path './build/*' \
			-not -path './.cache/*' -not -name '*.o' -not -name '*.so') | sed 's,^\./,,'
	fi | sort
}

# columns LIMIT FILE...: FILE:LINE of each line that is too wide; a tab is four columns.  In SQL a
# line that is one long string is prose.
columns() {
	local limit=$1
	shift
	perl -CSD -ne '
		BEGIN { $limit = shift }
		chomp; my $line = $_;
		1 while $line =~ s/\t/" " x (4 - $-[0] % 4)/e;
		print "$ARGV:$.\n" if length $line > $limit
			&& !($ARGV =~ /\.(sql|spec)$/ && $line =~ /^\s*(\x27|COMMENT ON|\S+ = (\w+\()?\x27)/);
		close ARGV if eof' "$limit" "$@"
}
