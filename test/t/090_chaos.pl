# SPDX-License-Identifier: PostgreSQL
#
# A slice of the chaos rounds, always the same seeds, and whether their model would notice damage;
# `make chaos` runs as many as one likes.
use strict;
use warnings;

exec 'node', "$ENV{USDTPAY_SRC}/test/chaos/chaos.mjs", '--rounds', 3, '--seed', 3,
  '--sabotage', 1;
