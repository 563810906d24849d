/* SPDX-License-Identifier: PostgreSQL
 *
 * courier.c: sends events to webhooks.
 *
 *     courier_claim() → commit → sign and submit → wait → courier_record() → commit
 *
 * Claim, send and record overlap: while some requests are under way others are claimed, so that a
 * receiver that hangs delays nobody else; one transaction records what has finished and claims
 * what fits in its place.  No request is driven while a transaction is open.  The states and
 * their rules live in sql/code/courier.sql; reads and writes usdtpay_internal.delivery,
 * usdtpay.webhook, usdtpay.webhook_attempt through it.
 *
 * What an error or a crash leaves in state sending is taken back: all of it when the courier starts
 * or recovers, and whatever outlives its lease.  Delivery is at least once, under the same id.
 */
#include "postgres.h"

#include <time.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "codec/webhook_sign.h"
#include "compat.h"
#include "guc.h"
#include "http.h"
#include "ssrf.h"
#include "wake.h"
#include "worker.h"

#define COURIER_POOL          256 /* the most webhook_max_in_flight can be set to */
#define COURIER_POLL_MS       1000
#define COURIER_SLICE_MS      20
#define COURIER_REPAIR_MS     60000
#define COURIER_LEASE_EXTRA   20000 /* past the request's own deadline */
#define COURIER_ANSWER_MAX    (64 * 1024)
#define COURIER_RESPONSE_KEPT 256
#define COURIER_SIGNATURES    (2 * (USDTPAY_WEBHOOK_SIGNATURE_LEN + 1))

/* One request: what was claimed and, once sent, the call. */
typedef struct CourierSend
{
	int64 party;
	int64 webhook;
	int64 event;
	int32 attempt;
	int64 stamp; /* unix seconds, signed */
	TimestampTz began;
	char *url;
	char *body;
	char signatures[COURIER_SIGNATURES];
	char id[32];
	UsdtpayHttpCall *call;
	struct CourierSend *next;
} CourierSend;

/* The columns of courier_record(), filled row by row. */
enum
{
	RECORD_PARTY,
	RECORD_WEBHOOK,
	RECORD_EVENT,
	RECORD_ATTEMPT,
	RECORD_ATTEMPTED_AT,
	RECORD_MS,
	RECORD_STATUS,
	RECORD_RETRY_AFTER,
	RECORD_ERROR,
	RECORD_RESPONSE,
	RECORD_ARRAYS,
	RECORD_UNIT = RECORD_ARRAYS,
	RECORD_DISABLE_AFTER,
	RECORD_ARGUMENTS
};

static UsdtpayHttpPool *courier_pool = NULL;
static MemoryContext courier_context = NULL;
static CourierSend *courier_finished = NULL;
static int courier_in_flight = 0;
static bool courier_repair_all = true;
static TimestampTz courier_look_at = 0;
static TimestampTz courier_repair_at = 0;

/* Tells curl whether an address may be reached; runs inside curl's callback. */
static bool
courier_filter(const struct sockaddr *address, void *arg)
{
	return usdtpay_ssrf_allowed(address, usdtpay_webhook_allow_private);
}

/* Makes an interval of milliseconds. */
static Datum
courier_interval(int64 ms)
{
	Interval *interval = palloc0(sizeof(*interval));

	interval->time = ms * 1000;
	return IntervalPGetDatum(interval);
}

/* Frees a request and its call. */
static void
courier_forget(CourierSend *send)
{
	if (send->call != NULL)
		usdtpay_http_release(send->call);
	pfree(send->url);
	pfree(send->body);
	pfree(send);
}

/* Drops everything under way after an error; the database takes it back. */
static void
courier_reset(void)
{
	usdtpay_http_pool_reset(courier_pool);
	MemoryContextReset(courier_context);
	courier_finished = NULL;
	courier_in_flight = 0;
	courier_repair_all = true;
	courier_look_at = 0;
}

/* Prepares the process; runs once. */
static void
courier_start(void)
{
	courier_context =
		AllocSetContextCreate(TopMemoryContext, "usdtpay courier", ALLOCSET_DEFAULT_SIZES);
	courier_pool = usdtpay_http_pool_create(COURIER_POOL, usdtpay_webhook_max_in_flight);
	/* A record lost in a crash only means sending again, under the same id. */
	SetConfigOption("synchronous_commit", "off", PGC_SUSET, PGC_S_OVERRIDE);
	usdtpay_wake_publish(USDTPAY_WAKE_COURIER);
}

/* Writes the newest secret's signature, then the older one's while it still counts.
 * Returns: false when there is no secret. */
static bool
courier_sign(CourierSend *send, ArrayType *secrets)
{
	Datum *secret;
	bool *nulls;
	int count;
	int i;
	char *out = send->signatures;

	deconstruct_array(secrets, BYTEAOID, -1, false, TYPALIGN_INT, &secret, &nulls, &count);
	for (i = 0; i < count && i < 2; i++)
	{
		bytea *key = DatumGetByteaPP(secret[i]);

		if (i > 0)
			*out++ = ' ';
		if (!usdtpay_webhook_sign(out, (uint8 *) VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), send->id,
								  send->stamp, send->body, strlen(send->body)))
			return false;
		out += USDTPAY_WEBHOOK_SIGNATURE_LEN;
	}
	return count > 0;
}

/* Copies one claimed row; it outlives the transaction. */
static CourierSend *
courier_read(HeapTuple row, TupleDesc desc, int64 now)
{
	MemoryContext caller = MemoryContextSwitchTo(courier_context);
	CourierSend *send = palloc0(sizeof(*send));
	bool isnull;

	send->party = DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull));
	send->webhook = DatumGetInt64(SPI_getbinval(row, desc, 2, &isnull));
	send->event = DatumGetInt64(SPI_getbinval(row, desc, 3, &isnull));
	send->attempt = DatumGetInt32(SPI_getbinval(row, desc, 4, &isnull));
	send->url = TextDatumGetCString(SPI_getbinval(row, desc, 5, &isnull));
	send->body = TextDatumGetCString(SPI_getbinval(row, desc, 7, &isnull));
	send->stamp = now;
	snprintf(send->id, sizeof(send->id), "evt_" INT64_FORMAT, send->event);
	MemoryContextSwitchTo(caller);
	if (!courier_sign(send, DatumGetArrayTypeP(SPI_getbinval(row, desc, 6, &isnull))))
		elog(ERROR, "webhook " INT64_FORMAT " has no secret", send->webhook);
	return send;
}

/* Claims what fits.  In: an open transaction.  Returns: a list of requests to submit. */
static CourierSend *
courier_claim(void)
{
	Oid types[3] = {INT4OID, INT4OID, INTERVALOID};
	Datum args[3];
	CourierSend *list = NULL;
	CourierSend **tail = &list;
	int64 now = (int64) time(NULL);
	int room = usdtpay_webhook_max_in_flight - courier_in_flight;
	uint64 i;

	if (room <= 0)
		return NULL;
	args[0] = Int32GetDatum(room);
	args[1] = Int32GetDatum(usdtpay_webhook_max_per_endpoint);
	args[2] = courier_interval((int64) usdtpay_webhook_timeout + COURIER_LEASE_EXTRA);
	if (SPI_execute_with_args("SELECT * FROM usdtpay_internal.courier_claim($1, $2, $3)", 3, types,
							  args, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not claim deliveries");
	for (i = 0; i < SPI_processed; i++)
	{
		*tail = courier_read(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, now);
		tail = &(*tail)->next;
	}
	return list;
}

/* Keeps the start of an answer as printable ASCII.  Returns: a text Datum, 0 for an empty one. */
static Datum
courier_response(const UsdtpayHttpAnswer *answer)
{
	char kept[COURIER_RESPONSE_KEPT];
	int len = (int) Min(answer->body_len, sizeof(kept));
	int i;

	for (i = 0; i < len; i++)
		kept[i] = answer->body[i] >= ' ' && answer->body[i] <= '~' ? answer->body[i] : '?';
	return len > 0 ? PointerGetDatum(cstring_to_text_with_len(kept, len)) : (Datum) 0;
}

/* Fills one row of courier_record()'s arrays from a finished request. */
static void
courier_fill(const CourierSend *send, Datum *value[], bool *null[], int row)
{
	const UsdtpayHttpAnswer *answer = usdtpay_http_answer(send->call);
	Datum response = courier_response(answer);

	value[RECORD_PARTY][row] = Int64GetDatum(send->party);
	value[RECORD_WEBHOOK][row] = Int64GetDatum(send->webhook);
	value[RECORD_EVENT][row] = Int64GetDatum(send->event);
	value[RECORD_ATTEMPT][row] = Int32GetDatum(send->attempt);
	value[RECORD_ATTEMPTED_AT][row] = TimestampTzGetDatum(send->began);
	value[RECORD_MS][row] = Int32GetDatum((int32) answer->elapsed_ms);
	/* A status counts as soon as it has arrived: a body we cut off does not undo a 2xx. */
	value[RECORD_STATUS][row] = Int32GetDatum(answer->status);
	null[RECORD_STATUS][row] = answer->status == 0;
	value[RECORD_RETRY_AFTER][row] = Int32GetDatum((int32) (answer->retry_after_ms / 1000));
	null[RECORD_RETRY_AFTER][row] =
		answer->retry_after_ms < 0 || (answer->status != 429 && answer->status != 503);
	null[RECORD_ERROR][row] = answer->error == NULL;
	if (answer->error != NULL)
		value[RECORD_ERROR][row] = CStringGetTextDatum(answer->error);
	null[RECORD_RESPONSE][row] = response == 0;
	value[RECORD_RESPONSE][row] = response;
}

/* Turns the filled columns into array arguments. */
static void
courier_arrays(Datum args[], Datum *value[], bool *null[], int rows)
{
	static const Oid element[RECORD_ARRAYS] = {INT8OID, INT8OID, INT8OID, INT4OID, TIMESTAMPTZOID,
											   INT4OID, INT4OID, INT4OID, TEXTOID, TEXTOID};
	int lower = 1;
	int i;

	for (i = 0; i < RECORD_ARRAYS; i++)
	{
		bool wide = element[i] == INT8OID || element[i] == TIMESTAMPTZOID;
		bool variable = element[i] == TEXTOID;

		args[i] = PointerGetDatum(construct_md_array(
			value[i], null[i], 1, &rows, &lower, element[i],
			variable ? -1
			: wide   ? 8
					 : 4,
			!variable && (!wide || FLOAT8PASSBYVAL), wide ? TYPALIGN_DOUBLE : TYPALIGN_INT));
	}
}

/* Records everything finished in one statement.  In: an open transaction. */
static void
courier_record(void)
{
	static Oid types[RECORD_ARGUMENTS] = {
		INT8ARRAYOID,        INT8ARRAYOID, INT8ARRAYOID, INT4ARRAYOID,
		TIMESTAMPTZARRAYOID, INT4ARRAYOID, INT4ARRAYOID, INT4ARRAYOID,
		TEXTARRAYOID,        TEXTARRAYOID, INT4OID,      INTERVALOID};
	Datum args[RECORD_ARGUMENTS];
	Datum *value[RECORD_ARRAYS];
	bool *null[RECORD_ARRAYS];
	CourierSend *send;
	int rows = 0;
	int i;

	for (send = courier_finished; send != NULL; send = send->next)
		rows++;
	if (rows == 0)
		return;
	for (i = 0; i < RECORD_ARRAYS; i++)
	{
		value[i] = palloc0(sizeof(Datum) * rows);
		null[i] = palloc0(sizeof(bool) * rows);
	}
	for (send = courier_finished, i = 0; send != NULL; send = send->next)
		courier_fill(send, value, null, i++);
	courier_arrays(args, value, null, rows);
	args[RECORD_UNIT] = Int32GetDatum(usdtpay_webhook_retry_unit);
	args[RECORD_DISABLE_AFTER] = courier_interval((int64) usdtpay_webhook_disable_after * 1000);
	if (SPI_execute_with_args("SELECT usdtpay_internal.courier_record($1, $2, $3, $4, $5, $6, $7, "
							  "$8, $9, $10, $11, $12)",
							  RECORD_ARGUMENTS, types, args, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not record deliveries");
}

/* Takes back what nobody is sending any more, when it is time.  In: an open transaction. */
static void
courier_repair(TimestampTz now)
{
	Oid types[1] = {BOOLOID};
	Datum args[1] = {BoolGetDatum(courier_repair_all)};

	if (!courier_repair_all && now < courier_repair_at)
		return;
	if (SPI_execute_with_args("SELECT usdtpay_internal.courier_repair($1)", 1, types, args, NULL,
							  false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not repair deliveries");
	courier_repair_all = false;
	courier_repair_at = TimestampTzPlusMilliseconds(now, COURIER_REPAIR_MS);
}

/* Asks when something comes due that is not due now.  In: an open transaction. */
static TimestampTz
courier_next_due(TimestampTz now)
{
	long wait = COURIER_POLL_MS;
	bool isnull;
	Datum due;

	if (SPI_execute("SELECT usdtpay_internal.courier_next_at()", false, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read the next delivery");
	due = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
		wait = Min(
			wait, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), DatumGetTimestampTz(due)));
	return TimestampTzPlusMilliseconds(now, wait);
}

/* Gives a claimed request to curl. */
static void
courier_submit(CourierSend *send)
{
	char id[64];
	char stamp[64];
	char signature[32 + COURIER_SIGNATURES];
	/* An empty Expect keeps curl from waiting for 100 Continue. */
	const char *headers[] = {"Content-Type: application/json",
							 ("User-Agent: usdtpay/" USDTPAY_VERSION),
							 "Expect:",
							 id,
							 stamp,
							 signature,
							 NULL};
	UsdtpayHttpRequest request = {.url = send->url,
								  .headers = headers,
								  .body = send->body,
								  .body_len = strlen(send->body),
								  .max_bytes = COURIER_ANSWER_MAX,
								  .connect_ms = usdtpay_webhook_timeout,
								  .total_ms = usdtpay_webhook_timeout,
								  .filter = courier_filter,
								  .tag = send};

	snprintf(id, sizeof(id), "webhook-id: %s", send->id);
	snprintf(stamp, sizeof(stamp), "webhook-timestamp: " INT64_FORMAT, send->stamp);
	snprintf(signature, sizeof(signature), "webhook-signature: %s", send->signatures);
	send->began = GetCurrentTimestamp();
	send->call = usdtpay_http_submit(courier_pool, &request);
	courier_in_flight++;
}

/* Collects finished requests; waits a slice for the first. */
static void
courier_collect(TimestampTz now)
{
	long wait = TimestampDifferenceMilliseconds(now, courier_look_at);
	UsdtpayHttpCall *call;

	wait = Min(wait, COURIER_SLICE_MS);
	while ((call = usdtpay_http_next(courier_pool, (int) wait)) != NULL)
	{
		CourierSend *send = usdtpay_http_tag(call);

		send->next = courier_finished;
		courier_finished = send;
		courier_in_flight--;
		wait = 0;
	}
}

/* Records, repairs and claims in one transaction.  Returns: what to submit after it.
 * In: the gate may turn out to be shut, then everything under way is dropped. */
static bool
courier_database(CourierSend **claimed)
{
	TimestampTz now = usdtpay_worker_clock();

	if (!usdtpay_worker_begin())
	{
		courier_reset();
		return false;
	}
	courier_record();
	courier_repair(now);
	*claimed = courier_claim();
	courier_look_at = courier_next_due(now);
	usdtpay_worker_commit();
	while (courier_finished != NULL)
	{
		CourierSend *send = courier_finished;

		courier_finished = send->next;
		courier_forget(send);
	}
	return true;
}

/* One round: database, network, wait.  Returns: milliseconds until the next. */
static int
courier_tick(void)
{
	TimestampTz now = usdtpay_worker_clock();
	CourierSend *claimed = NULL;

	/* While requests are under way nobody waits on the latch: look at it here.  Otherwise the loop
	 * has reset it, and being here at all means that it is time. */
	if (MyLatch->is_set)
	{
		ResetLatch(MyLatch);
		courier_look_at = 0;
	}
	if ((courier_finished != NULL || courier_in_flight == 0 || now >= courier_look_at) &&
		!courier_database(&claimed))
		return COURIER_POLL_MS;
	while (claimed != NULL)
	{
		CourierSend *send = claimed;

		claimed = send->next;
		courier_submit(send);
	}
	now = usdtpay_worker_clock();
	if (courier_in_flight == 0)
		return (int) TimestampDifferenceMilliseconds(now, courier_look_at);
	courier_collect(now);
	return 0;
}

static const UsdtpayWorker courier_worker = {
	.name = "courier",
	.start = courier_start,
	.tick = courier_tick,
	.reset = courier_reset,
};

/* The courier of one database. */
void
usdtpay_courier_main(Datum arg)
{
	usdtpay_worker_main(&courier_worker);
}
