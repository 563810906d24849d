/* SPDX-License-Identifier: PostgreSQL
 *
 * compat.h: every PG_VERSION_NUM test of the project; PostgreSQL 15 to 18.
 */
#ifndef USDTPAY_COMPAT_H
#define USDTPAY_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "usdtpay needs PostgreSQL 15 or newer"
#endif

/* BGWORKER_INTERRUPTIBLE (19+) lets DROP DATABASE stop a worker at once. */
#ifndef BGWORKER_INTERRUPTIBLE
#define BGWORKER_INTERRUPTIBLE 0
#endif

#endif
