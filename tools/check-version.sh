#!/usr/bin/env bash
# SPDX-License-Identifier: PostgreSQL
#
# Checks that the version is the same wherever it must be written, and that every released version
# has its upgrade step.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"
cd "$USDTPAY_ROOT"
status=0

version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" usdtpay.control)
for found in $(grep -oE '"version": "[0-9.]+"' META.json | cut -d'"' -f4 | head -n 2); do
	if [ "$found" != "$version" ]; then
		echo "META.json says $found, usdtpay.control $version"
		status=1
	fi
done
previous=
for released in $(sed 's/#.*//' sql/upgrades/RELEASED) "$version"; do
	if [ -n "$previous" ] && [ "$previous" != "$released" ] &&
		[ ! -f "sql/upgrades/$previous--$released.sql" ]; then
		echo "sql/upgrades/$previous--$released.sql is missing"
		status=1
	fi
	previous=$released
done
exit $status
