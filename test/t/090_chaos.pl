# SPDX-License-Identifier: PostgreSQL
#
# A slice of the chaos rounds, always the same seeds; `make chaos` runs as many as one likes.
use strict;
use warnings;

exec 'node', "$ENV{USDTPAY_SRC}/test/chaos/chaos.mjs", '--rounds', 4, '--seed', 1;
