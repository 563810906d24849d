/* SPDX-License-Identifier: PostgreSQL
 *
 * settings.h: what a backend may remember about parties, logins, wallets and networks.
 */
#ifndef USDTPAY_SETTINGS_H
#define USDTPAY_SETTINGS_H

/* A number that changes whenever remembered settings may be stale: a cache that noted another one
 * must be thrown away.  Changes reach a backend like PostgreSQL's own cache invalidations: at the
 * start of its next transaction or lock, and at once for its own. */
extern uint64 usdtpay_settings_generation(void);

#endif
