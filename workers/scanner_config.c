/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_config.c: what a scanner is told to do: its network, tokens and endpoints, read whole
 * whenever the fingerprint of them changes.
 *
 * Everything lives in config_context, which a reload empties.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "scanner.h"
#include "sql.h"
#include "worker.h"

/* Reads the network's row. */
static void
config_network(Scanner *s)
{
	bool isnull;
	char *family;

	if (scanner_db_query(s,
						 "SELECT code, family, chain_id, block_ms, poll_ms, final_tag, "
						 "final_depth, start_block, checkpoint_number, checkpoint_hash, enabled_at "
						 "FROM usdtpay_internal.scanner_network($1)",
						 true) == 0)
		ereport(ERROR, (errcode(ERRCODE_UP_NOT_FOUND), errmsg("the network is gone"),
						errdetail("Network id is %d.", s->network_id)));
	s->code = MemoryContextStrdup(s->config_context,
								  SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	family = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	s->family = strcmp(family, "tron") == 0 ? &scanner_tron : &scanner_evm;
	s->chain_id = usdtpay_sql_int64(0, 3, 0);
	s->block_ms = DatumGetInt32(usdtpay_sql_value(0, 4, &isnull));
	s->poll_ms = DatumGetInt32(usdtpay_sql_value(0, 5, &isnull));
	s->final_tag = DatumGetBool(usdtpay_sql_value(0, 6, &isnull));
	s->final_depth = DatumGetInt32(usdtpay_sql_value(0, 7, &isnull));
	s->start_block = usdtpay_sql_int64(0, 8, -1);
	s->checkpoint = usdtpay_sql_int64(0, 9, -1);
	if (s->checkpoint >= 0 && !usdtpay_sql_bytes(0, 10, s->checkpoint_hash, 32))
		s->checkpoint = -1;
	s->enabled_at = usdtpay_sql_int64(0, 11, GetCurrentTimestamp());
	s->first = s->start_block;
}

/* Reads the tokens. */
static void
config_tokens(Scanner *s)
{
	uint64 count = scanner_db_query(s,
									"SELECT token_id, contract, decimals, code_hash "
									"FROM usdtpay_internal.scanner_tokens($1)",
									true);
	uint64 i;
	bool isnull;

	count = Min(count, USDTPAY_PROVIDER_TOKENS);
	s->tokens = MemoryContextAllocZero(s->config_context, sizeof(ScannerToken) * Max(count, 1));
	s->token_count = (int) count;
	for (i = 0; i < count; i++)
	{
		s->tokens[i].id = DatumGetInt32(usdtpay_sql_value(i, 1, &isnull));
		usdtpay_sql_bytes(i, 2, s->tokens[i].contract, 20);
		s->tokens[i].decimals = DatumGetInt32(usdtpay_sql_value(i, 3, &isnull));
		s->tokens[i].pinned = usdtpay_sql_bytes(i, 4, s->tokens[i].code_hash, 32);
	}
}

/* Reads the pins of the tokens again: a person may have taken one away. */
void
scanner_config_pins(Scanner *s)
{
	uint64 count;
	uint64 i;
	int t;

	if (!usdtpay_worker_begin())
		return;
	count = scanner_db_query(
		s, "SELECT token_id, code_hash FROM usdtpay_internal.scanner_tokens($1)", true);
	for (i = 0; i < count; i++)
	{
		bool isnull;
		int32 id = DatumGetInt32(usdtpay_sql_value(i, 1, &isnull));

		for (t = 0; t < s->token_count; t++)
			if (s->tokens[t].id == id)
				s->tokens[t].pinned = usdtpay_sql_bytes(i, 2, s->tokens[t].code_hash, 32);
	}
	usdtpay_worker_commit();
}

/* Copies a text[] into the configuration, NULL-terminated. */
static const char *const *
config_strings(Scanner *s, Datum array)
{
	Datum *values;
	int count;
	int i;
	const char **out;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &values, NULL,
					  &count);
	out = MemoryContextAllocZero(s->config_context, sizeof(char *) * (count + 1));
	for (i = 0; i < count; i++)
		out[i] = MemoryContextStrdup(s->config_context, TextDatumGetCString(values[i]));
	return out;
}

/* Reads one endpoint into a fresh provider. */
static void
config_provider(Scanner *s, uint64 row, UsdtpayProvider *p)
{
	bool isnull;

	memset(p, 0, sizeof(*p));
	p->id = DatumGetInt32(usdtpay_sql_value(row, 1, &isnull));
	p->url = MemoryContextStrdup(s->config_context,
								 TextDatumGetCString(usdtpay_sql_value(row, 2, &isnull)));
	p->label = MemoryContextStrdup(s->config_context,
								   TextDatumGetCString(usdtpay_sql_value(row, 3, &isnull)));
	p->headers = config_strings(s, usdtpay_sql_value(row, 4, &isnull));
	p->priority = DatumGetInt32(usdtpay_sql_value(row, 5, &isnull));
	p->max_rate = DatumGetFloat8(usdtpay_sql_value(row, 6, &isnull));
	p->rate = DatumGetFloat8(usdtpay_sql_value(row, 7, &isnull));
	p->log_range = Max(1, DatumGetInt32(usdtpay_sql_value(row, 8, &isnull)));
	p->requests = usdtpay_sql_int64(row, 9, 0);
	p->failures = usdtpay_sql_int64(row, 10, 0);
	usdtpay_provider_init(p);
}

/* Reads the whole configuration afresh; every node is checked again. */
bool
scanner_config_reload(Scanner *s)
{
	uint64 count;
	uint64 i;
	int old;

	for (old = 0; old < s->provider_count; old++)
		if (s->providers[old].pending != NULL)
			usdtpay_rpc_free(s->providers[old].pending);
	s->provider_count = 0;
	s->contradicted = 0;
	s->waiting_since = 0;
	s->rescan_since = 0;
	s->rescan_disputed = false;
	s->rescan_note[0] = '\0';
	s->distrusted = NULL;
	s->rival = NULL;
	s->disputes = 0;
	s->doubter = NULL;
	s->span_max = SCANNER_SPAN_MAX;
	s->final_span = SCANNER_FINAL_SPAN;
	s->fingerprint = NULL;
	s->note[0] = '\0';
	MemoryContextReset(s->config_context);
	if (!usdtpay_worker_begin())
		return false;
	config_network(s);
	config_tokens(s);
	scanner_db_query(s, "SELECT usdtpay_internal.scanner_begin($1)", false);
	count = scanner_db_query(s,
							 "SELECT endpoint_id, url, label, headers, priority, max_rate, rate, "
							 "log_range, requests, failures "
							 "FROM usdtpay_internal.scanner_endpoints($1)",
							 true);
	for (i = 0; i < count && i < SCANNER_PROVIDERS; i++)
		config_provider(s, i, &s->providers[i]);
	s->provider_count = (int) i;
	usdtpay_worker_commit();
	return true;
}
