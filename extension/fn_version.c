/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_version.c: tells which library is loaded.  A package upgrade replaces the file under a
 * running server, and ALTER EXTENSION UPDATE comes later: health() compares the two versions.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(usdtpay_library_version);

/* Returns the version this library was built with, as text. */
Datum
usdtpay_library_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(USDTPAY_VERSION));
}
