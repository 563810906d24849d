/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner.c: the scanner of one network: its tick.  README.md draws the states.
 *
 * A tick polls the nodes, takes new blocks in, gives newly final ones their second look, works
 * on rescans, deletes old headers, and writes down how it goes; each at its own pace.  The tick
 * itself is short: what does not fit waits for the next one.
 */
#include "postgres.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "guc.h"
#include "scanner.h"
#include "worker.h"

#define SCANNER_SILENCE_MS     2000 /* a node a little behind is nothing to note */
#define SCANNER_IN_FLIGHT      64
#define SCANNER_PER_HOST       8
#define SCANNER_BUDGET_MS      1000
#define SCANNER_IDLE_MS        1000
#define SCANNER_HALTED_MS      2000
#define SCANNER_REPORT_MS      1000
#define SCANNER_PRUNE_MS       60000
#define SCANNER_PRUNE_MORE_MS  1000
#define SCANNER_MMAP_THRESHOLD (256 * 1024)
#define SCANNER_TEXT_MAX       ((size_t) 128 * 1024 * 1024)
#define SCANNER_SHUN_MS        300000

static Scanner scanner_state;

/* Gives the time a number of milliseconds from now. */
TimestampTz
scanner_after(int ms)
{
	return TimestampTzPlusMilliseconds(usdtpay_worker_clock(), ms);
}

/* Leaves a TRON node's eth_getLogs alone for a while; its infos serve instead. */
void
scanner_shun_logs(UsdtpayProvider *p)
{
	p->logs_after = scanner_after(SCANNER_SHUN_MS);
}

/* Notes what the scanner waits for; the first note of a tick stays. */
void
scanner_note(Scanner *s, const char *format, ...)
{
	va_list args;

	if (s->note[0] != '\0')
		return;
	va_start(args, format);
	vsnprintf(s->note, sizeof(s->note), format, args);
	va_end(args);
}

/* Starts a text that will be handed to SQL without being copied: room for its length first. */
void
scanner_text_begin(StringInfo body)
{
	initStringInfo(body);
	enlargeStringInfo(body, VARHDRSZ);
	body->len = VARHDRSZ;
	body->data[body->len] = '\0';
}

/* Appends the elements of a JSON array to a list in the making.  Returns: false when the result
 * is no array, or the list would become longer than any honest one.  Out: count grows.  The list
 * begins with its bracket. */
bool
scanner_append(StringInfo list, UsdtpaySlice array, int64 *count)
{
	UsdtpayJson j;
	int64 before = *count;

	usdtpay_json_init(&j, array.p, array.len);
	if (!usdtpay_json_array(&j) || (size_t) list->len + array.len > SCANNER_TEXT_MAX)
		return false;
	while (usdtpay_json_element(&j) && usdtpay_json_skip(&j, NULL))
		(*count)++;
	if (j.error != NULL)
		return false;
	if (*count == before)
		return true;
	if (list->data[list->len - 1] != '[')
		appendStringInfoChar(list, ',');
	appendBinaryStringInfo(list, array.p + 1, (int) array.len - 2);
	return true;
}

/* Counts providers in a state. */
static int
scanner_count(const Scanner *s, UsdtpayProviderState state)
{
	int count = 0;
	int i;

	for (i = 0; i < s->provider_count; i++)
		count += s->providers[i].state == state;
	return count;
}

/* Notes what a person should know although scanning goes on, or why it does not. */
static void
scanner_note_nodes(Scanner *s)
{
	int usable = scanner_count(s, USDTPAY_PROVIDER_OK);

	if (s->waiting_since != 0 && s->contradicted > s->final)
		scanner_note(s,
					 "no node confirms what was seen in blocks " INT64_FORMAT " to " INT64_FORMAT
					 "; nothing is credited until one does",
					 s->final + 1, s->contradicted);
	else if (s->waiting_since != 0 &&
			 TimestampDifferenceExceeds(s->waiting_since, usdtpay_worker_clock(),
										SCANNER_SILENCE_MS))
		scanner_note(s, "no node gives a second look at what comes after block " INT64_FORMAT,
					 s->final);
	if (s->rescan_note[0] != '\0')
		scanner_note(s, "%s", s->rescan_note);
	if (s->provider_count == 0)
		scanner_note(s, "no endpoint is configured");
	else if (scanner_count(s, USDTPAY_PROVIDER_REFUSED) == s->provider_count)
		scanner_note(s, "every node failed its checks; see usdtpay.endpoint_status");
	else if (usable == 0)
		scanner_note(s, "waiting for a node to pass the start checks");
	else if (usable == 1)
		scanner_note(s, "only one node is usable: the second look is not independent");
}

/* Moves the cursors as far as the budget allows.  Returns: whether there is more to do. */
static bool
scanner_work(Scanner *s)
{
	TimestampTz until = scanner_after(SCANNER_BUDGET_MS);
	bool more = true;

	while (more && !s->halted)
	{
		more = scanner_advance(s);
		if (!s->halted && s->doubter == NULL)
			more = scanner_finalize(s) || more;
		if (!s->halted && s->doubter == NULL && !more)
			more = scanner_rescan(s);
		if (usdtpay_worker_clock() >= until)
			break;
	}
	return more;
}

/* Deletes old headers when it is time. */
static void
scanner_prune_due(Scanner *s)
{
	TimestampTz now = usdtpay_worker_clock();

	if (s->prune_at > now)
		return;
	s->prune_at = scanner_after(scanner_db_prune(s) > 0 ? SCANNER_PRUNE_MORE_MS : SCANNER_PRUNE_MS);
}

/* Writes the state down, at most once a second. */
static void
scanner_report_due(Scanner *s)
{
	if (s->report_at > usdtpay_worker_clock())
		return;
	scanner_note_nodes(s);
	s->report_at = scanner_after(SCANNER_REPORT_MS);
	scanner_db_report(s);
}

/* Says how long to wait for the next duty. */
static int
scanner_rest(const Scanner *s, bool more)
{
	long rest = SCANNER_IDLE_MS;
	TimestampTz now = usdtpay_worker_clock();

	if (more)
		return 0;
	if (s->halted)
		return SCANNER_HALTED_MS;
	rest = Min(rest, TimestampDifferenceMilliseconds(now, s->poll_at));
	if (s->tip < s->served && s->tip_at > now)
		rest = Min(rest, TimestampDifferenceMilliseconds(now, s->tip_at));
	if (s->final_at > now)
		rest = Min(rest, TimestampDifferenceMilliseconds(now, s->final_at));
	return (int) Max(rest, 1);
}

/* Begins a tick: what was only true in the last one is forgotten. */
static void
scanner_refresh(Scanner *s)
{
	int i;

	if (s->report_at <= usdtpay_worker_clock())
		s->note[0] = '\0';
	for (i = 0; i < s->provider_count; i++)
		s->providers[i].header = NULL;
}

/* One round.  Returns: milliseconds until the next. */
static int
scanner_tick(void)
{
	Scanner *s = &scanner_state;
	bool more = false;

	scanner_refresh(s);
	if (!scanner_db_state(s))
		return SCANNER_IDLE_MS;
	if (!s->enabled)
		return USDTPAY_WORKER_DONE;
	if (!s->halted)
	{
		scanner_poll(s, s->poll_ms);
		scanner_compare_heads(s);
		if (!s->halted)
			more = scanner_work(s);
		scanner_prune_due(s);
	}
	else
		scanner_note(s, "halted; a person must look, then call usdtpay.network_resume");
	scanner_report_due(s);
	return scanner_rest(s, more);
}

/* Prepares the process.  Large blocks go back to the system at once: a day of catching up must
 * not leave a fat process behind. */
static void
scanner_start(void)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, SCANNER_MMAP_THRESHOLD);
#endif
	scanner_state.network_id = usdtpay_worker_place()->argument;
	scanner_state.config_context =
		AllocSetContextCreate(TopMemoryContext, "usdtpay scanner", ALLOCSET_DEFAULT_SIZES);
	scanner_state.pool = usdtpay_http_pool_create(SCANNER_IN_FLIGHT, SCANNER_PER_HOST);
}

/* Drops the questions that outlive a tick: after an error one may be half asked or half taken, and
 * its node would never be asked again. */
static void
scanner_reset(void)
{
	Scanner *s = &scanner_state;
	int i;

	for (i = 0; i < s->provider_count; i++)
		if (s->providers[i].pending != NULL)
			usdtpay_rpc_free(s->providers[i].pending);
}

static const UsdtpayWorker scanner_worker = {
	.name = "scanner",
	.start = scanner_start,
	.tick = scanner_tick,
	.reset = scanner_reset,
};

/* The scanner of one network. */
void
usdtpay_scanner_main(Datum arg)
{
	usdtpay_worker_main(&scanner_worker);
}
