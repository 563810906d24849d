/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_look.c: one look of one node at some blocks: fetched whole, handed to chain_ingest, and
 * what its verdict says about the node.
 *
 * A bloom the node does not satisfy is asked about elsewhere before the node is blamed.  How many
 * blocks a look takes follows from what blocks have weighed so far, and from whether they came in
 * time: a look has a deadline, for a node may answer each of its questions just in time.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "scanner.h"
#include "worker.h"

#define LOOK_LOGS_TARGET  5000
#define LOOK_BYTES_TARGET (6.0 * 1024 * 1024)
#define LOOK_FIRST_SPAN   5
#define LOOK_TIMEOUTS     2 /* of a request, in the deadline of a look */

/* Gives how many blocks to take at once so that logs and bytes stay few; what a block weighs is
 * learnt, and until then little is asked for. */
int64
scanner_span_size(const Scanner *s, int64 most)
{
	double fit;

	most = Min(most, s->span_max);
	fit = (double) most;
	if (s->bytes_per_block <= 0)
		return Min(most, LOOK_FIRST_SPAN);
	fit = Min(fit, LOOK_BYTES_TARGET / s->bytes_per_block);
	if (s->logs_per_block > 0)
		fit = Min(fit, LOOK_LOGS_TARGET / s->logs_per_block);
	return Max(1, (int64) fit);
}

/* Learns what a block weighs: quickly when it is more than thought, slowly when less. */
static void
look_learn(Scanner *s, const ScannerSpan *span)
{
	double blocks = (double) (span->to - span->from + 1);
	double logs = (double) span->log_count / blocks;
	double bytes = (double) (span->headers.len + span->logs.len) / blocks;

	s->logs_per_block = Max(logs, 0.9 * s->logs_per_block + 0.1 * logs);
	s->bytes_per_block = Max(bytes, 0.9 * s->bytes_per_block + 0.1 * bytes);
}

/* Asks a node whether the suspect blocks of a span hold logs.  In: strict, when its word alone
 * does not count.  Out: lied, when they do.  Returns: false when it cannot tell. */
static bool
look_opinion(Scanner *s, UsdtpayProvider *p, const ScannerSpan *span, const ScannerIngest *ingest,
			 bool strict, bool *lied)
{
	bool proven;
	int i;

	*lied = false;
	for (i = 0; i < ingest->suspect_count && !*lied; i++)
		if (s->family->has_logs(s, p, span, ingest->suspects[i], lied, &proven) != USDTPAY_RPC_OK ||
			(strict && !proven))
			return false;
	return true;
}

/* Asks elsewhere whether the suspect blocks hold logs, in the end the node itself, whose receipts
 * can prove it.  Out: lied, when they do.  Returns: false when nobody could tell. */
static bool
look_second_opinion(Scanner *s, UsdtpayProvider *p, const ScannerSpan *span,
					const ScannerIngest *ingest, bool *lied)
{
	uint64 except = 0;
	int64 highest = 0;
	int i;

	for (i = 0; i < ingest->suspect_count; i++)
		highest = Max(highest, ingest->suspects[i]);
	while (s->family->has_logs != NULL)
	{
		UsdtpayProvider *other =
			usdtpay_provider_choose(s->providers, s->provider_count, highest, 0, except, p);

		if (other == NULL)
			return false;
		if (look_opinion(s, other, span, ingest, other == p && except != 0, lied))
			return true;
		except |= scanner_bit(s, other);
	}
	return false;
}

/* Hands a span to look_ingest, clearing blocks whose blooms were a coincidence.
 * Out: the verdict; SCANNER_FAULT also when logs were left out. */
static void
look_ingest(Scanner *s, UsdtpayProvider *p, ScannerLook look, ScannerSpan *span, ScannerIngest *out)
{
	int64 *cleared = palloc(sizeof(int64) * (span->to - span->from + 1 + SCANNER_SUSPECTS));
	int count = 0;
	bool lied;

	for (;;)
	{
		scanner_db_ingest(s, p, look, span, cleared, count, out);
		if (out->verdict != SCANNER_INCOMPLETE)
			return;
		if (count > span->to - span->from || !look_second_opinion(s, p, span, out, &lied) || lied)
			break;
		memcpy(cleared + count, out->suspects, sizeof(int64) * out->suspect_count);
		count += out->suspect_count;
	}
	out->verdict = SCANNER_FAULT;
	strlcpy(out->message, "logs were left out that a block's bloom promises", sizeof(out->message));
}

/* Says until when a node may be asked for pieces of a look: long enough for a slow answer or two,
 * and for a question for each block at the rate it is asked at, which is no fault of its own. */
static TimestampTz
look_until(const UsdtpayProvider *p, const ScannerSpan *span)
{
	double pace_ms = (double) (span->to - span->from + 1) / p->rate * 1000;

	return scanner_after(LOOK_TIMEOUTS * usdtpay_rpc_timeout + (int) Min(pace_ms, 1e6));
}

/* Answers a look that took too long: the node rests for as long as it took when somebody else can
 * be asked meanwhile, and the next look, whoever gives it, is at fewer blocks. */
static void
look_late(Scanner *s, UsdtpayProvider *p, const ScannerSpan *span, TimestampTz began)
{
	int64 blocks = span->to - span->from + 1;
	bool other = usdtpay_provider_choose(s->providers, s->provider_count, span->to, 0,
										 scanner_bit(s, p), NULL) != NULL;
	int64 took_ms = TimestampDifferenceMilliseconds(began, usdtpay_worker_clock());

	s->span_max = (int) Max(1, blocks / 2);
	usdtpay_provider_failed(p, USDTPAY_RPC_TRANSIENT, "it took too long over a range of blocks",
							other ? took_ms : -1);
}

/* Fetches a span by its deadline.  Returns: false when the provider gave nothing to ingest. */
static bool
look_fetch(Scanner *s, UsdtpayProvider *p, ScannerLook look, ScannerSpan *span)
{
	TimestampTz began = usdtpay_worker_clock();

	span->until = look_until(p, span);
	if (s->family->fetch(s, p, look, span) == USDTPAY_RPC_OK)
	{
		s->span_max = Min(SCANNER_SPAN_MAX, s->span_max + 1 + s->span_max / 8);
		return true;
	}
	if (usdtpay_worker_clock() >= span->until)
		look_late(s, p, span, began);
	return false;
}

/* Takes a look at old blocks in when another one told the same, or takes note that both miss
 * nothing: this very answer, for nobody knows what the node would say next time. */
static void
look_agree(Scanner *s, UsdtpayProvider *p, ScannerSpan *span, const ScannerNews *told,
		   ScannerIngest *out)
{
	bool same = false;
	int i;

	for (i = 0; i < told->count && !same; i++)
		same = strcmp(told->digest[i], out->message) == 0;
	if (same && out->message[0] != '\0')
		look_ingest(s, p, SCANNER_LOOK_RESCAN, span, out);
	out->agreed = same && out->verdict == SCANNER_INGESTED;
}

/* Fetches a span from a provider and ingests it.  Memory of the attempt is freed before return.
 * In: told, with a PEEK: what others told of these blocks, see look_agree; else NULL.
 * Returns: false when the provider gave nothing to ingest. */
bool
scanner_attempt(Scanner *s, UsdtpayProvider *p, ScannerLook look, int64 from, int64 to,
				const ScannerNews *told, ScannerIngest *out)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "usdtpay span", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	ScannerSpan span = {0};
	bool fetched;

	span.from = from;
	span.to = to;
	fetched = look_fetch(s, p, look, &span);
	if (fetched)
	{
		look_ingest(s, p, look, &span, out);
		if (told != NULL && out->verdict == SCANNER_INGESTED)
			look_agree(s, p, &span, told, out);
		/* After a second look receipts may be asked first: see final_settle. */
		if (out->verdict == SCANNER_FAULT && look != SCANNER_LOOK_FINAL)
			usdtpay_provider_failed(p, USDTPAY_RPC_INVALID, out->message, -1);
		if (out->verdict == SCANNER_FAULT && span.by_logs)
			scanner_shun_logs(p);
		if (out->verdict == SCANNER_DISAGREE && look != SCANNER_LOOK_FINAL)
			usdtpay_provider_failed(p, USDTPAY_RPC_INVALID, SCANNER_CONTRADICTS, -1);
		if (out->verdict == SCANNER_HALTED)
			s->halted = true;
		if (out->verdict == SCANNER_INGESTED)
			look_learn(s, &span);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return fetched;
}
