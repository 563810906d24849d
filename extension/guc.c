/* SPDX-License-Identifier: PostgreSQL
 *
 * guc.c: every setting of the module, in one alphabetical table.  To add one: a variable here and in
 * guc.h, a row below, a paragraph in docs/settings.md.  Units go into flags (GUC_UNIT_MS …).
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
int usdtpay_rpc_batch = 50;
int usdtpay_rpc_max_bytes = 16 * 1024;
int usdtpay_rpc_timeout = 10000;
int usdtpay_scan_span = 50;

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
	GUC_INT("usdtpay.block_retention", usdtpay_block_retention, 20000, 1000, 100000000, PGC_SIGHUP, 0,
			"Blocks below the final one whose headers are kept."),
	GUC_STRING("usdtpay.databases", usdtpay_databases, "postgres", PGC_SIGHUP, GUC_LIST_INPUT,
			   "Databases in which the background workers run."),
	GUC_INT("usdtpay.hook_timeout", usdtpay_hook_timeout, 2000, 0, 600000, PGC_SUSET, GUC_UNIT_MS,
			"Longest run of an on_paid function inside settlement; 0 means no limit."),
	GUC_BOOL("usdtpay.ledger_direct", usdtpay_ledger_direct, true, PGC_SUSET, 0,
			 "Posts straight into the ledger's tables where they are plain; off takes the SQL path."),
	GUC_INT("usdtpay.rpc_batch", usdtpay_rpc_batch, 50, 1, 1000, PGC_SIGHUP, 0,
			"Most calls put into one request to a node."),
	GUC_INT("usdtpay.rpc_max_bytes", usdtpay_rpc_max_bytes, 16 * 1024, 64, 256 * 1024, PGC_SIGHUP,
			GUC_UNIT_KB, "Largest answer taken from a node, decompressed."),
	GUC_INT("usdtpay.rpc_timeout", usdtpay_rpc_timeout, 10000, 100, 600000, PGC_SIGHUP, GUC_UNIT_MS,
			"Longest wait for a node's answer."),
	GUC_INT("usdtpay.scan_span", usdtpay_scan_span, 50, 1, 1000, PGC_SIGHUP, 0,
			"Most blocks taken in with one transaction."),
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
