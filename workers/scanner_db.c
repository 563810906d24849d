/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_db.c: the scanner's SQL, one short transaction per function.  scanner_config.c reads the
 * configuration.
 *
 * Everything it reads and writes goes through functions of sql/code/worker.sql and
 * sql/code/chain.sql.  Where a function answers bool, false means that the gate is shut.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "pgstat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "errors.h"
#include "guc.h"
#include "scanner.h"
#include "sql.h"
#include "worker.h"

#define SCANNER_PRUNE_LIMIT 5000
#define SCANNER_STATE_QUERY                                                                        \
	"SELECT enabled, fingerprint, halted, tip_number, tip_hash, final_number, final_hash, "        \
	"rescans "                                                                                     \
	"FROM usdtpay_internal.scanner_state($1)"

/* Runs a query whose only argument is the network. */
uint64
scanner_db_query(const Scanner *s, const char *query, bool read_only)
{
	Oid types[1] = {INT4OID};
	Datum args[1] = {Int32GetDatum(s->network_id)};

	return usdtpay_sql_query(query, 1, types, args, NULL, read_only);
}

/* Reads the cursors out of scanner_state's row. */
static void
db_read_cursors(Scanner *s)
{
	s->tip = usdtpay_sql_int64(0, 4, -1);
	usdtpay_sql_bytes(0, 5, s->tip_hash, 32);
	s->final = usdtpay_sql_int64(0, 6, -1);
	usdtpay_sql_bytes(0, 7, s->final_hash, 32);
}

/* Reads where the network stands; reloads the configuration when it changed.  A network that is
 * gone counts as disabled. */
bool
scanner_db_state(Scanner *s)
{
	bool isnull;
	char *fingerprint = NULL;

	if (!usdtpay_worker_begin())
		return false;
	s->enabled = false;
	if (scanner_db_query(s, SCANNER_STATE_QUERY, true) > 0)
	{
		Datum enabled = usdtpay_sql_value(0, 1, &isnull);

		s->enabled = !isnull && DatumGetBool(enabled);
	}
	if (s->enabled)
	{
		fingerprint = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
		fingerprint = MemoryContextStrdup(usdtpay_worker_context(), fingerprint);
		s->halted = DatumGetBool(usdtpay_sql_value(0, 3, &isnull));
		db_read_cursors(s);
		s->rescans = DatumGetBool(usdtpay_sql_value(0, 8, &isnull));
	}
	usdtpay_worker_commit();
	if (!s->enabled || (s->fingerprint != NULL && strcmp(s->fingerprint, fingerprint) == 0))
		return true;
	if (!scanner_config_reload(s))
		return false;
	s->fingerprint = MemoryContextStrdup(s->config_context, fingerprint);
	return true;
}

/* Turns a text built behind scanner_text_begin() into a datum, without copying it. */
static Datum
db_text(StringInfo body)
{
	SET_VARSIZE(body->data, body->len);
	return PointerGetDatum(body->data);
}

/* Reads the block numbers of an UP404 detail. */
static void
db_read_suspects(const char *detail, ScannerIngest *out)
{
	const char *p = detail;

	out->suspect_count = 0;
	while (p != NULL && *p != '\0' && out->suspect_count < SCANNER_SUSPECTS)
	{
		char *end;

		if (*p < '0' || *p > '9')
		{
			p++;
			continue;
		}
		out->suspects[out->suspect_count++] = strtoll(p, &end, 10);
		p = end;
	}
}

/* Sorts an error of chain_ingest.  Returns: false when it is none the scanner knows. */
static bool
db_sort_error(const ErrorData *edata, ScannerIngest *out)
{
	switch (edata->sqlerrcode)
	{
		case ERRCODE_UP_CHAIN_DATA:
		case ERRCODE_UP_CHAIN_LINK:
			out->verdict = SCANNER_FAULT;
			break;
		case ERRCODE_UP_CHAIN_INCOMPLETE:
			out->verdict = SCANNER_INCOMPLETE;
			db_read_suspects(edata->detail, out);
			break;
		case ERRCODE_UP_CHAIN_HALTED:
			out->verdict = SCANNER_HALTED;
			break;
		case ERRCODE_UP_CHAIN_RACE:
			out->verdict = SCANNER_RACE;
			break;
		default:
			return false;
	}
	snprintf(out->message, sizeof(out->message), "%s%s%s", edata->message,
			 edata->detail != NULL ? ": " : "", edata->detail != NULL ? edata->detail : "");
	return true;
}

/* Calls chain_ingest and commits. */
static void
db_call_ingest(Scanner *s, const UsdtpayProvider *p, ScannerLook look, ScannerSpan *span,
			   Datum cleared, ScannerIngest *out)
{
	static const char *const modes[] = {"tip", "final", "peek", "rescan", "proof"};
	Oid types[6] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8ARRAYOID, INT4OID};
	Datum args[6];
	const char *status;
	bool isnull;

	out->verdict = SCANNER_SHUT;
	if (!usdtpay_worker_begin())
		return;
	args[0] = CStringGetTextDatum(s->code);
	args[1] = db_text(&span->headers);
	args[2] = db_text(&span->logs);
	args[3] = CStringGetTextDatum(modes[look]);
	args[4] = cleared;
	args[5] = Int32GetDatum(p->id);
	usdtpay_sql_query("SELECT status, deposits FROM usdtpay.chain_ingest($1, $2, $3, $4, $5, $6)",
					  6, types, args, NULL, false);
	status = TextDatumGetCString(usdtpay_sql_value(0, 1, &isnull));
	out->deposits = DatumGetInt32(usdtpay_sql_value(0, 2, &isnull));
	if (scanner_db_query(s, SCANNER_STATE_QUERY, true) > 0)
		db_read_cursors(s);
	out->verdict = strcmp(status, "reorg") == 0      ? SCANNER_REORG
				   : strcmp(status, "disagree") == 0 ? SCANNER_DISAGREE
				   : strcmp(status, "more") == 0     ? SCANNER_MORE
				   : strcmp(status, "amended") == 0  ? SCANNER_AMENDED
													 : SCANNER_INGESTED;
	if (strncmp(status, "news ", 5) == 0)
		strlcpy(out->message, status + 5, sizeof(out->message));
	usdtpay_worker_commit();
}

/* Hands a span to chain_ingest.  Faults in the answer come back as a verdict; anything else is
 * thrown on. */
void
scanner_db_ingest(Scanner *s, const UsdtpayProvider *p, ScannerLook look, ScannerSpan *span,
				  const int64 *cleared, int cleared_count, ScannerIngest *out)
{
	Datum *numbers = palloc(sizeof(Datum) * Max(cleared_count, 1));
	Datum array;
	int i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < cleared_count; i++)
		numbers[i] = Int64GetDatum(cleared[i]);
	array = PointerGetDatum(construct_array(numbers, cleared_count, INT8OID, sizeof(int64),
											FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	PG_TRY();
	{
		db_call_ingest(s, p, look, span, array, out);
	}
	PG_CATCH();
	{
		ErrorData *edata;

		MemoryContextSwitchTo(usdtpay_worker_context());
		edata = CopyErrorData();
		if (!db_sort_error(edata, out))
			PG_RE_THROW();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		MemoryContextSwitchTo(usdtpay_worker_context());
		pgstat_report_activity(STATE_IDLE, NULL);
	}
	PG_END_TRY();
}

/* Finds whose word we hold about the blocks from..to.
 * Out: to, cut where another one's begins; the teller, NULL when unknown or no longer ours.
 * Returns: false when the gate is closed. */
bool
scanner_db_teller(Scanner *s, int64 from, int64 *to, UsdtpayProvider **teller)
{
	Oid types[3] = {INT4OID, INT8OID, INT8OID};
	Datum args[3] = {Int32GetDatum(s->network_id), Int64GetDatum(from), Int64GetDatum(*to)};
	bool isnull;
	int32 id;
	int i;

	if (!usdtpay_worker_begin())
		return false;
	usdtpay_sql_query("SELECT source, until FROM usdtpay_internal.scanner_teller($1, $2, $3)", 3,
					  types, args, NULL, true);
	*teller = NULL;
	id = DatumGetInt32(usdtpay_sql_value(0, 1, &isnull));
	for (i = 0; !isnull && i < s->provider_count; i++)
		if (s->providers[i].id == id)
			*teller = &s->providers[i];
	*to = DatumGetInt64(usdtpay_sql_value(0, 2, &isnull));
	usdtpay_worker_commit();
	return true;
}

/* Reads the hash of the block we hold at a height.  Returns: false when there is none. */
bool
scanner_db_hash(Scanner *s, int64 number, uint8 *out)
{
	Oid types[2] = {INT4OID, INT8OID};
	Datum args[2] = {Int32GetDatum(s->network_id), Int64GetDatum(number)};
	bool found;

	if (!usdtpay_worker_begin())
		return false;
	usdtpay_sql_query("SELECT usdtpay_internal.scanner_hash($1, $2)", 2, types, args, NULL, true);
	found = usdtpay_sql_bytes(0, 1, out, 32);
	usdtpay_worker_commit();
	return found;
}

/* Rewinds to a common ancestor.  Returns: whether scanning may go on. */
bool
scanner_db_rewind(Scanner *s, int64 number, const uint8 *hash)
{
	Oid types[3] = {TEXTOID, INT8OID, BYTEAOID};
	Datum args[3];
	bool isnull;
	bool ok;

	if (!usdtpay_worker_begin())
		return false;
	args[0] = CStringGetTextDatum(s->code);
	args[1] = Int64GetDatum(number);
	args[2] = usdtpay_sql_bytea(hash, 32);
	usdtpay_sql_query("SELECT usdtpay_internal.chain_rewind($1, $2, $3)", 3, types, args, NULL,
					  false);
	ok = strcmp(TextDatumGetCString(usdtpay_sql_value(0, 1, &isnull)), "ok") == 0;
	usdtpay_worker_commit();
	if (ok)
	{
		s->tip = number;
		memcpy(s->tip_hash, hash, 32);
	}
	s->halted = !ok;
	return ok;
}

/* Halts the network: a person must look. */
void
scanner_db_halt(Scanner *s, const char *reason)
{
	Oid types[2] = {TEXTOID, TEXTOID};
	Datum args[2];

	if (!usdtpay_worker_begin())
		return;
	args[0] = CStringGetTextDatum(s->code);
	args[1] = CStringGetTextDatum(reason);
	usdtpay_sql_query("SELECT usdtpay_internal.chain_halt($1, $2)", 2, types, args, NULL, false);
	usdtpay_worker_commit();
	s->halted = true;
}

/* Pins a token's code. */
void
scanner_db_pin(Scanner *s, int token, const uint8 *hash)
{
	Oid types[2] = {INT4OID, BYTEAOID};
	Datum args[2];

	if (!usdtpay_worker_begin())
		return;
	args[0] = Int32GetDatum(s->tokens[token].id);
	args[1] = usdtpay_sql_bytea(hash, 32);
	usdtpay_sql_query("SELECT usdtpay_internal.scanner_token_pin($1, $2)", 2, types, args, NULL,
					  false);
	usdtpay_worker_commit();
	memcpy(s->tokens[token].code_hash, hash, 32);
	s->tokens[token].pinned = true;
}

/* Finds the next range somebody wants looked at again.  Returns: false when there is none. */
bool
scanner_db_rescan(Scanner *s, int64 *id, int64 *from, int64 *to)
{
	bool found;

	if (!usdtpay_worker_begin())
		return false;
	found = scanner_db_query(s,
							 "SELECT rescan_id, next_block, to_block "
							 "FROM usdtpay_internal.scanner_rescan_next($1)",
							 true) > 0;
	if (found)
	{
		*id = usdtpay_sql_int64(0, 1, 0);
		*from = usdtpay_sql_int64(0, 2, 0);
		*to = usdtpay_sql_int64(0, 3, 0);
	}
	usdtpay_worker_commit();
	return found;
}

/* Records how far a rescan got. */
void
scanner_db_rescanned(Scanner *s, int64 id, int64 next, int found)
{
	Oid types[3] = {INT8OID, INT8OID, INT4OID};
	Datum args[3] = {Int64GetDatum(id), Int64GetDatum(next), Int32GetDatum(found)};

	if (!usdtpay_worker_begin())
		return;
	usdtpay_sql_query("SELECT usdtpay_internal.scanner_rescan_advance($1, $2, $3)", 3, types, args,
					  NULL, false);
	usdtpay_worker_commit();
}

/* Deletes old headers.  Returns: how many. */
int
scanner_db_prune(Scanner *s)
{
	Oid types[3] = {INT4OID, INT4OID, INT4OID};
	Datum args[3] = {Int32GetDatum(s->network_id), Int32GetDatum(usdtpay_block_retention),
					 Int32GetDatum(SCANNER_PRUNE_LIMIT)};
	bool isnull;
	int count;

	if (!usdtpay_worker_begin())
		return 0;
	usdtpay_sql_query("SELECT usdtpay_internal.scanner_prune($1, $2, $3)", 3, types, args, NULL,
					  false);
	count = DatumGetInt32(usdtpay_sql_value(0, 1, &isnull));
	usdtpay_worker_commit();
	return count;
}

/* Appends milliseconds since (or until) a time, as JSON. */
static void
db_json_ms(StringInfo json, const char *name, TimestampTz from, TimestampTz to, bool known)
{
	if (known)
		appendStringInfo(json, ",\"%s\":%ld", name, TimestampDifferenceMilliseconds(from, to));
}

/* Writes one provider's health as JSON.  error holds fixed texts of ours only. */
static void
db_json_provider(StringInfo json, const UsdtpayProvider *p, TimestampTz now)
{
	bool cooling = usdtpay_provider_cooling(p, now);
	const char *state = p->state == USDTPAY_PROVIDER_REFUSED   ? "refused"
						: cooling                              ? "cooling"
						: p->state == USDTPAY_PROVIDER_UNKNOWN ? "unknown"
															   : "ok";

	appendStringInfo(json,
					 "{\"endpoint_id\":%d,\"state\":\"%s\",\"rate\":%.2f,\"requests\":" INT64_FORMAT
					 ",\"failures\":" INT64_FORMAT ",\"streak\":%d,\"log_range\":%d",
					 p->id, state, p->rate, p->requests, p->failures, p->streak, p->log_range);
	if (p->head > 0)
		appendStringInfo(json, ",\"head\":" INT64_FORMAT, p->head);
	if (p->latency_ms > 0)
		appendStringInfo(json, ",\"latency_ms\":%.2f", p->latency_ms);
	db_json_ms(json, "cool_ms", now, p->cool_until, cooling);
	db_json_ms(json, "ok_ms", p->ok_at, now, p->ok_at != 0);
	db_json_ms(json, "error_ms", p->error_at, now, p->error_at != 0);
	if (p->error[0] != '\0')
	{
		appendStringInfoString(json, ",\"error\":");
		escape_json(json, p->error);
	}
	appendStringInfoChar(json, '}');
}

/* Writes down how the network and its nodes do. */
void
scanner_db_report(Scanner *s)
{
	Oid types[6] = {INT4OID, INT8OID, INT8OID, TEXTOID, BOOLOID, JSONBOID};
	TimestampTz now = usdtpay_worker_clock();
	char nulls[6] = {' ', ' ', ' ', ' ', ' ', ' '};
	StringInfoData json;
	Datum args[6];
	int i;

	initStringInfo(&json);
	for (i = 0; i < s->provider_count; i++)
	{
		appendStringInfoChar(&json, i == 0 ? '[' : ',');
		db_json_provider(&json, &s->providers[i], now);
	}
	appendStringInfoString(&json, s->provider_count == 0 ? "[]" : "]");
	if (!usdtpay_worker_begin())
		return;
	args[0] = Int32GetDatum(s->network_id);
	args[1] = Int64GetDatum(s->served);
	args[2] = Int64GetDatum(s->served_final);
	args[3] = CStringGetTextDatum(s->note);
	args[4] = BoolGetDatum(s->polled);
	args[5] = DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
	nulls[1] = s->served > 0 ? ' ' : 'n';
	nulls[2] = s->served_final > 0 ? ' ' : 'n';
	nulls[3] = s->note[0] != '\0' ? ' ' : 'n';
	usdtpay_sql_query("SELECT usdtpay_internal.scanner_report($1, $2, $3, $4, $5, $6)", 6, types,
					  args, nulls, false);
	usdtpay_worker_commit();
	s->polled = false;
}
