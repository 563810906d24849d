/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_proof.c: disputes that receipts settle.
 *
 * When nodes tell differently of the logs in blocks that are to become final, the receipts of
 * these blocks say who is right: they hash to the receiptsRoot of the header, which the block's
 * hash covers, and nobody can make other ones that do.  What they cannot say is that the header
 * stands on the chain, and which transactions the receipts are of.  So a proof counts only where
 * two nodes tell the same of every block: hash, receipts root, list of transactions (the claim);
 * and chain_ingest takes it only for the hashes we hold.  A node that makes a block of its own up,
 * header and receipts alike, finds nobody who seconds its claim.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "scanner.h"

/* What a node says of the blocks in dispute. */
typedef struct ProofClaim
{
	bool made;
	bool forged; /* it gave receipts that are not the blocks' */
	uint8 digest[32];
	ScannerSpan span;
} ProofClaim;

/* Asks every node that is well for its claim.  Nodes that lag behind final where there is a tag do
 * not count. */
static void
proof_claims(Scanner *s, int64 from, int64 to, ProofClaim *claims)
{
	uint64 except = 0;

	for (;;)
	{
		UsdtpayProvider *p = usdtpay_provider_choose(s->providers, s->provider_count, to,
													 s->final_tag ? to : 0, except, NULL);
		ProofClaim *claim;

		if (p == NULL)
			return;
		except |= UINT64CONST(1) << (p - s->providers);
		claim = &claims[p - s->providers];
		claim->span.from = from;
		claim->span.to = to;
		claim->made = s->family->claim(s, p, &claim->span, claim->digest) == USDTPAY_RPC_OK;
	}
}

/* Tells whether another node makes the same claim, or there is no other that may be asked. */
static bool
proof_seconded(const Scanner *s, const ProofClaim *claims, int who)
{
	bool alone = true;
	int i;

	for (i = 0; i < s->provider_count; i++)
	{
		if (i == who || s->providers[i].state == USDTPAY_PROVIDER_REFUSED)
			continue;
		alone = false;
		if (claims[i].made && memcmp(claims[i].digest, claims[who].digest, 32) == 0)
			return true;
	}
	return alone;
}

/* Has one node's receipts prove the blocks.  Returns: what chain_ingest said; SCANNER_FAULT when
 * they prove nothing.  Receipts are large: what one node gave is freed before the next is asked. */
static ScannerVerdict
proof_attempt(Scanner *s, UsdtpayProvider *p, ProofClaim *claim)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "usdtpay receipts", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	ScannerIngest ingest = {.verdict = SCANNER_FAULT};

	if (s->family->receipts(s, p, &claim->span) == USDTPAY_RPC_OK)
	{
		scanner_db_ingest(s, p, SCANNER_LOOK_PROOF, &claim->span, NULL, 0, &ingest);
		claim->forged = ingest.verdict == SCANNER_FAULT;
		if (ingest.verdict == SCANNER_HALTED)
			s->halted = true;
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return ingest.verdict;
}

/* Blames nodes whose receipts are not the blocks': only once another's are, for there may be
 * chains whose receipts hash in a way we do not know. */
static void
proof_blame(Scanner *s, const ProofClaim *claims)
{
	int i;

	for (i = 0; i < s->provider_count; i++)
		if (claims[i].forged)
			usdtpay_provider_failed(&s->providers[i], USDTPAY_RPC_INVALID,
									"the receipts of a block do not hash to its receiptsRoot", -1);
}

/* Settles a dispute over the blocks from..to, final's next, by their receipts.
 * Returns: SCANNER_INGESTED (what we held is true) or SCANNER_AMENDED, both credited and final;
 * or another verdict when nobody can prove anything and all is as before. */
ScannerVerdict
scanner_prove(Scanner *s, int64 from, int64 to)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "usdtpay proof", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	ProofClaim *claims = palloc0(sizeof(ProofClaim) * SCANNER_PROVIDERS);
	ScannerVerdict verdict = SCANNER_FAULT;
	int i;

	proof_claims(s, from, to, claims);
	for (i = 0; i < s->provider_count && verdict == SCANNER_FAULT; i++)
		if (claims[i].made && !s->providers[i].no_receipts && proof_seconded(s, claims, i))
			verdict = proof_attempt(s, &s->providers[i], &claims[i]);
	if (verdict == SCANNER_INGESTED || verdict == SCANNER_AMENDED)
	{
		proof_blame(s, claims);
		ereport(LOG,
				(errmsg("usdtpay scanner \"%s\": receipts settled what nodes told differently of "
						"blocks " INT64_FORMAT " to " INT64_FORMAT,
						s->code, from, to)));
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return verdict;
}
