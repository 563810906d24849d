/* SPDX-License-Identifier: PostgreSQL
 *
 * guc.h: the values of every setting.  guc.c holds the one table that defines them.
 */
#ifndef USDTPAY_GUC_H
#define USDTPAY_GUC_H

extern bool usdtpay_allow_drop;
extern bool usdtpay_ledger_direct;

extern void usdtpay_guc_init(void);

#endif
