# SPDX-License-Identifier: PostgreSQL
#
# The TRON node the other tests rely on, judged by tronweb and recorded mainnet data.  Its tests
# are JavaScript; what Node's runner prints is TAP already.
use strict;
use warnings;
use File::Basename qw(dirname);

my @files = sort glob dirname(__FILE__) . '/../chain/tron-node/test/*.test.mjs';

die "no tests of the TRON node\n" if !@files;
exec 'node', '--test', '--test-reporter=tap', @files
  or die "cannot run node: $!\n";
