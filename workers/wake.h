/* SPDX-License-Identifier: PostgreSQL
 *
 * wake.h: waking a worker of the same database when a transaction commits.
 */
#ifndef USDTPAY_WAKE_H
#define USDTPAY_WAKE_H

/* Workers that can be woken; one of each per database. */
typedef enum UsdtpayWake
{
	USDTPAY_WAKE_COURIER,
	USDTPAY_WAKE_COUNT
} UsdtpayWake;

extern void usdtpay_wake_init(void);
extern void usdtpay_wake_publish(UsdtpayWake who);
extern void usdtpay_wake_at_commit(UsdtpayWake who);

#endif
