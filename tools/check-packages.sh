#!/usr/bin/env bash
# SPDX-License-Identifier: PostgreSQL
#
# Checks that the Node packages are pinned by checksum, and that the committed contracts are what
# their sources compile to.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"
cd "$USDTPAY_ROOT"
node -e '
	const { packages } = JSON.parse(require("fs").readFileSync("test/package-lock.json"))
	const loose = Object.entries(packages).filter(([name, p]) =>
		name && !p.integrity && !/anvil-(darwin|win32|linux-arm64)/.test(name))
	for (const [name] of loose) console.log(`test/package-lock.json: ${name} has no checksum`)
	process.exitCode = loose.length ? 1 : 0'
node contracts/build.mjs --check
