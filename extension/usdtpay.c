/* SPDX-License-Identifier: PostgreSQL
 *
 * usdtpay.c: the module's entry.  Calls each room's init and nothing else.
 */
#include "postgres.h"

#include "fmgr.h"

#include "guc.h"
#include "session.h"
#include "wake.h"
#include "worker.h"

PG_MODULE_MAGIC;

void _PG_init(void);

void
_PG_init(void)
{
	usdtpay_session_init();
	usdtpay_guc_init();
	usdtpay_wake_init();
	usdtpay_launcher_init();
}
