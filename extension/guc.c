/* SPDX-License-Identifier: PostgreSQL
 *
 * guc.c: every setting of the module, in one alphabetical table.  To add one: a variable here and
 * in guc.h, a row below, a paragraph in docs/settings.md.  Units go into flags (GUC_UNIT_MS …).
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "guc.h"

bool usdtpay_allow_drop = false;
int usdtpay_block_retention = 20000;
char *usdtpay_databases = NULL;
int usdtpay_hook_timeout = 2000;
bool usdtpay_ledger_direct = true;
int usdtpay_lock_patience = 30000;
int usdtpay_node_recheck_interval = 600;
int usdtpay_rpc_batch = 50;
int usdtpay_rpc_max_bytes = 16 * 1024;
int usdtpay_rpc_timeout = 10000;
int usdtpay_scan_span = 50;
int usdtpay_second_look_patience = 60000;
bool usdtpay_tron_get_logs = true;
bool usdtpay_webhook_allow_http = false;
bool usdtpay_webhook_allow_private = false;
int usdtpay_webhook_disable_after = 432000;
int usdtpay_webhook_max_in_flight = 64;
int usdtpay_webhook_max_per_endpoint = 8;
char *usdtpay_webhook_ports = NULL;
int usdtpay_webhook_retry_unit = 1000;
int usdtpay_webhook_timeout = 10000;

typedef enum GucKind
{
	GUC_KIND_BOOL,
	GUC_KIND_INT,
	GUC_KIND_STRING,
} GucKind;

/* One setting.  number, min and max serve bool and int; text serves string. */
typedef struct GucRow
{
	const char *name;
	GucKind kind;
	void *variable;
	int number;
	int min;
	int max;
	const char *text;
	GucContext context;
	int flags;
	const char *comment;
} GucRow;

#define GUC_BOOL(name, variable, boot, context, flags, comment)                                    \
	{                                                                                              \
		(name), GUC_KIND_BOOL, &(variable), (boot), 0, 1, NULL, (context), (flags), (comment)      \
	}
#define GUC_INT(name, variable, boot, min, max, context, flags, comment)                           \
	{                                                                                              \
		(name), GUC_KIND_INT, &(variable), (boot), (min), (max), NULL, (context), (flags),         \
			(comment)                                                                              \
	}
#define GUC_STRING(name, variable, boot, context, flags, comment)                                  \
	{                                                                                              \
		(name), GUC_KIND_STRING, &(variable), 0, 0, 0, (boot), (context), (flags), (comment)       \
	}

/* clang-format off */
static const GucRow guc_rows[] = {
	GUC_BOOL("usdtpay.allow_drop", usdtpay_allow_drop, false, PGC_SUSET, 0,
			 "Lets DROP EXTENSION usdtpay destroy a ledger that has postings."),
	GUC_INT("usdtpay.block_retention", usdtpay_block_retention, 20000, 1000, 100000000,
			PGC_SIGHUP, 0,
			"Blocks below the final one whose headers are kept."),
	GUC_STRING("usdtpay.databases", usdtpay_databases, "postgres", PGC_SIGHUP, GUC_LIST_INPUT,
			   "Databases in which the background workers run."),
	GUC_INT("usdtpay.hook_timeout", usdtpay_hook_timeout, 2000, 0, 600000, PGC_SUSET, GUC_UNIT_MS,
			"Longest run of an on_paid function inside settlement; 0 means no limit."),
	GUC_BOOL("usdtpay.ledger_direct", usdtpay_ledger_direct, true, PGC_SUSET, 0,
			 "Posts straight into the ledger's tables where they are plain; off takes SQL's path."),
	GUC_INT("usdtpay.lock_patience", usdtpay_lock_patience, 30000, 0, 3600000, PGC_SIGHUP,
			GUC_UNIT_MS,
			"A session that keeps a worker waiting this long is ended; 0 means never."),
	GUC_INT("usdtpay.node_recheck_interval", usdtpay_node_recheck_interval, 600, 1, 86400,
			PGC_SIGHUP, GUC_UNIT_S,
			"How often a node is asked again for chain id, tokens' decimals and code."),
	GUC_INT("usdtpay.rpc_batch", usdtpay_rpc_batch, 50, 1, 1000, PGC_SIGHUP, 0,
			"Most calls put into one request to a node."),
	GUC_INT("usdtpay.rpc_max_bytes", usdtpay_rpc_max_bytes, 16 * 1024, 64, 256 * 1024, PGC_SIGHUP,
			GUC_UNIT_KB, "Largest answer taken from a node, decompressed."),
	GUC_INT("usdtpay.rpc_timeout", usdtpay_rpc_timeout, 10000, 100, 600000, PGC_SIGHUP, GUC_UNIT_MS,
			"Longest wait for a node's answer."),
	GUC_INT("usdtpay.scan_span", usdtpay_scan_span, 50, 1, 1000, PGC_SIGHUP, 0,
			"Most blocks taken in with one transaction."),
	GUC_INT("usdtpay.second_look_patience", usdtpay_second_look_patience, 60000, 0, 86400000,
			PGC_SIGHUP, GUC_UNIT_MS,
			"A node confirms its own word only after all others were silent this long."),
	GUC_BOOL("usdtpay.tron_get_logs", usdtpay_tron_get_logs, true, PGC_SIGHUP, 0,
			 "Lets TRON's catching up take its first look from a node's JSON-RPC."),
	GUC_BOOL("usdtpay.webhook_allow_http", usdtpay_webhook_allow_http, false, PGC_SUSET, 0,
			 "Allows webhook addresses with http beside https."),
	GUC_BOOL("usdtpay.webhook_allow_private", usdtpay_webhook_allow_private, false, PGC_SUSET, 0,
			 "Allows webhooks to loopback and private addresses; for tests and demonstrations."),
	GUC_INT("usdtpay.webhook_disable_after", usdtpay_webhook_disable_after, 432000, 1, 31536000,
			PGC_SIGHUP, GUC_UNIT_S, "A webhook that has failed this long is disabled."),
	GUC_INT("usdtpay.webhook_max_in_flight", usdtpay_webhook_max_in_flight, 64, 1, 256,
			PGC_SIGHUP, 0, "Most webhook requests in flight."),
	GUC_INT("usdtpay.webhook_max_per_endpoint", usdtpay_webhook_max_per_endpoint, 8, 1, 64,
			PGC_SIGHUP, 0, "Most requests in flight to one webhook."),
	GUC_STRING("usdtpay.webhook_ports", usdtpay_webhook_ports, "443,80,8443", PGC_SUSET,
			   GUC_LIST_INPUT, "Ports webhook addresses may use."),
	GUC_INT("usdtpay.webhook_retry_unit", usdtpay_webhook_retry_unit, 1000, 1, 1000, PGC_SIGHUP,
			GUC_UNIT_MS, "Length of a second in the webhook retry schedule; shorter for tests."),
	GUC_INT("usdtpay.webhook_timeout", usdtpay_webhook_timeout, 10000, 100, 60000, PGC_SIGHUP,
			GUC_UNIT_MS, "Longest a webhook request may take."),
};
/* clang-format on */

/* Registers one row with the server. */
static void
guc_define(const GucRow *row)
{
	switch (row->kind)
	{
		case GUC_KIND_BOOL:
			DefineCustomBoolVariable(row->name, row->comment, NULL, (bool *) row->variable,
									 row->number != 0, row->context, row->flags, NULL, NULL, NULL);
			break;
		case GUC_KIND_INT:
			DefineCustomIntVariable(row->name, row->comment, NULL, (int *) row->variable,
									row->number, row->min, row->max, row->context, row->flags, NULL,
									NULL, NULL);
			break;
		case GUC_KIND_STRING:
			DefineCustomStringVariable(row->name, row->comment, NULL, (char **) row->variable,
									   row->text, row->context, row->flags, NULL, NULL, NULL);
			break;
	}
}

/* Defines every setting and reserves the prefix, so that a misspelt name is refused.  Rows that can
 * only be set at start are skipped when the library was not preloaded. */
void
usdtpay_guc_init(void)
{
	size_t i;

	for (i = 0; i < lengthof(guc_rows); i++)
	{
		if (guc_rows[i].context == PGC_POSTMASTER && !process_shared_preload_libraries_in_progress)
			continue;
		guc_define(&guc_rows[i]);
	}
	MarkGUCPrefixReserved("usdtpay");
}
