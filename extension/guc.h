/* SPDX-License-Identifier: PostgreSQL
 *
 * guc.h: the values of every setting.  guc.c holds the one table that defines them.
 */
#ifndef USDTPAY_GUC_H
#define USDTPAY_GUC_H

extern bool usdtpay_allow_drop;
extern int usdtpay_block_retention;
extern char *usdtpay_databases;
extern int usdtpay_hook_timeout;
extern bool usdtpay_ledger_direct;
extern int usdtpay_lock_patience;
extern int usdtpay_node_recheck_interval;
extern int usdtpay_rpc_batch;
extern int usdtpay_rpc_max_bytes;
extern int usdtpay_rpc_timeout;
extern int usdtpay_scan_span;
extern int usdtpay_second_look_patience;
extern bool usdtpay_tron_get_logs;
extern bool usdtpay_webhook_allow_http;
extern bool usdtpay_webhook_allow_private;
extern int usdtpay_webhook_disable_after;
extern int usdtpay_webhook_max_in_flight;
extern int usdtpay_webhook_max_per_endpoint;
extern char *usdtpay_webhook_ports;
extern int usdtpay_webhook_retry_unit;
extern int usdtpay_webhook_timeout;

extern void usdtpay_guc_init(void);

#endif
