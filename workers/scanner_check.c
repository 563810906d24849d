/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_check.c: whether a node may be believed at all: chain id, checkpoint, decimals and
 * code of every token, compared with what is pinned, at the start and from time to time after
 * it: behind one URL there may be another node tomorrow, and a contract can be exchanged.
 *
 * A family asks in its own protocol and hands over the raw words; they are judged here.  A node
 * that suddenly tells of another token is not believed when another one denies it; when nobody
 * does, the network halts, and while nobody else can be asked nothing is credited.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "codec/hex.h"
#include "codec/keccak.h"
#include "guc.h"
#include "scanner.h"
#include "worker.h"

#define CHECK_WORD_DIGITS 64
#define CHECK_DOUBT_MS    2000  /* between checks of a node in doubt */
#define CHECK_AGAIN_MS    30000 /* after a check that got no answer */

/* What a node that was fine tells of the tokens now. */
typedef enum CheckTokens
{
	CHECK_TOKENS_SAME,
	CHECK_TOKENS_OTHER,
	CHECK_TOKENS_UNTOLD
} CheckTokens;

/* Compares the chain id; what the node says instead becomes the reason of its refusal. */
static bool
check_chain(Scanner *s, UsdtpayProvider *p, UsdtpaySlice answer)
{
	uint64 chain_id;
	char what[80];

	if (!s->family->read_chain_id(answer, &chain_id))
	{
		usdtpay_provider_failed(p, USDTPAY_RPC_INVALID, "the chain id makes no sense", -1);
		return false;
	}
	if (chain_id == (uint64) s->chain_id)
		return true;
	snprintf(what, sizeof(what), "it is on chain " UINT64_FORMAT ", not " INT64_FORMAT, chain_id,
			 s->chain_id);
	usdtpay_provider_refuse(p, what);
	return false;
}

/* Compares the checkpoint. */
static bool
check_checkpoint(Scanner *s, UsdtpayProvider *p)
{
	ScannerBlock block;

	if (s->checkpoint < 0)
		return true;
	if (s->family->block(s, p, s->checkpoint, NULL, &block) != USDTPAY_RPC_OK)
	{
		usdtpay_provider_failed(p, USDTPAY_RPC_INVALID, "the checkpoint block is not served", -1);
		return false;
	}
	if (memcmp(block.hash, s->checkpoint_hash, 32) == 0)
		return true;
	usdtpay_provider_refuse(p, "the checkpoint block is another one");
	return false;
}

/* Compares a token's decimals, the hexadecimal digits of one word.
 * Returns: NULL, or a fixed text saying what is wrong. */
static const char *
check_decimals(const ScannerToken *token, UsdtpaySlice digits)
{
	uint8 word[CHECK_WORD_DIGITS / 2];
	int i;

	if (digits.len != CHECK_WORD_DIGITS ||
		!usdtpay_hex_decode(word, sizeof(word), digits.p, digits.len))
		return "the token has no decimals()";
	for (i = 0; i < (int) sizeof(word) - 1 && word[i] == 0; i++)
		;
	if (i < (int) sizeof(word) - 1 || word[i] != token->decimals)
		return "the token's decimals are not the pinned ones";
	return NULL;
}

/* Hashes a token's code.  Returns: NULL, or a fixed text saying what is wrong. */
static const char *
check_code(UsdtpaySlice digits, uint8 *hash)
{
	size_t len = digits.len / 2;
	const char *fault = NULL;
	uint8 *code;

	if (digits.len < 2 || digits.len % 2 != 0)
		return "there is no contract at the token's address";
	code = palloc(len);
	if (usdtpay_hex_decode(code, len, digits.p, digits.len))
		usdtpay_keccak256(hash, code, len);
	else
		fault = "the token's code is not hexadecimal";
	pfree(code);
	return fault;
}

/* Asks for decimals and code of every token.  Out: hashes of the code; fault: what is wrong with
 * one of them, NULL when nothing is.  Returns: false when the node gave no answer. */
static bool
check_ask_tokens(Scanner *s, UsdtpayProvider *p, const char **fault)
{
	ScannerTokenAnswer *answers = palloc0(sizeof(ScannerTokenAnswer) * Max(s->token_count, 1));
	UsdtpayRpcBatch *batch;
	bool answered;
	int i;

	*fault = NULL;
	if (s->token_count == 0)
		return true;
	answered = s->family->ask_tokens(s, p, answers, &batch) == USDTPAY_RPC_OK;
	for (i = 0; answered && *fault == NULL && i < s->token_count; i++)
	{
		*fault = check_decimals(&s->tokens[i], answers[i].decimals);
		if (*fault == NULL)
			*fault = check_code(answers[i].code, p->code_hash[i]);
	}
	usdtpay_rpc_drop(batch);
	return answered;
}

/* Compares the tokens, but not yet their code with the pins. */
static bool
check_tokens(Scanner *s, UsdtpayProvider *p)
{
	const char *fault;

	if (!check_ask_tokens(s, p, &fault))
	{
		if (!usdtpay_provider_cooling(p, usdtpay_worker_clock()))
			usdtpay_provider_failed(p, USDTPAY_RPC_INVALID, "the token cannot be asked", -1);
		return false;
	}
	if (fault != NULL)
		usdtpay_provider_refuse(p, fault);
	return fault == NULL;
}

/* Runs the start checks of a node that said who it is.
 * Returns: false when one failed or the node is refused, which is recorded already. */
bool
scanner_check(Scanner *s, UsdtpayProvider *p, UsdtpayRpc *identity)
{
	scanner_config_pins(s);
	if (!check_chain(s, p, identity->calls[0].result) || !check_checkpoint(s, p) ||
		!check_tokens(s, p))
		return false;
	p->verify_at = scanner_after(usdtpay_node_recheck_interval * 1000);
	return true;
}

/* Compares what a node has at the tokens' addresses now with the pins.
 * Out: fault, a fixed text, when it is something else. */
static CheckTokens
check_tokens_again(Scanner *s, UsdtpayProvider *p, const char **fault)
{
	int i;

	if (!check_ask_tokens(s, p, fault))
		return CHECK_TOKENS_UNTOLD;
	for (i = 0; *fault == NULL && i < s->token_count; i++)
		if (s->tokens[i].pinned && memcmp(s->tokens[i].code_hash, p->code_hash[i], 32) != 0)
			*fault = "the token's code is not the pinned one";
	return *fault == NULL ? CHECK_TOKENS_SAME : CHECK_TOKENS_OTHER;
}

/* Asks the other nodes what p says differently.  Out: how many hold what is pinned, and how many
 * could not be asked; refused ones do not count. */
static void
check_vote(Scanner *s, const UsdtpayProvider *p, int *same, int *untold)
{
	int i;

	*same = 0;
	*untold = 0;
	for (i = 0; i < s->provider_count; i++)
	{
		UsdtpayProvider *q = &s->providers[i];
		CheckTokens told = CHECK_TOKENS_UNTOLD;
		const char *fault;

		if (q == p || q->state == USDTPAY_PROVIDER_REFUSED)
			continue;
		if (q->state == USDTPAY_PROVIDER_OK && !usdtpay_provider_cooling(q, usdtpay_worker_clock()))
			told = check_tokens_again(s, q, &fault);
		*same += told == CHECK_TOKENS_SAME;
		*untold += told == CHECK_TOKENS_UNTOLD;
	}
}

/* Decides about a node that tells of another token than it did.  Until that is possible the doubt
 * stays: nothing is credited.  After a halt it stays, too, so that the first thing after a person
 * let the network go on is to ask again. */
static void
check_doubt(Scanner *s, UsdtpayProvider *p, const char *fault)
{
	int same;
	int untold;

	if (s->doubter != p)
		s->doubt_since = usdtpay_worker_clock();
	s->doubter = p;
	s->doubt = fault;
	check_vote(s, p, &same, &untold);
	p->verify_at = scanner_after(CHECK_DOUBT_MS);
	if (same > 0)
	{
		s->doubter = NULL;
		usdtpay_provider_refuse(p, fault);
	}
	else if (untold > 0 && !TimestampDifferenceExceeds(s->doubt_since, usdtpay_worker_clock(),
													   usdtpay_second_look_patience))
		scanner_note(s, "a node says that %s; nothing is credited until another one is asked",
					 fault);
	else
		scanner_db_halt(s, fault);
}

/* Checks a node again that passed the start checks; identity is NULL when it did not answer. */
void
scanner_check_again(Scanner *s, UsdtpayProvider *p, UsdtpayRpc *identity)
{
	const char *fault = NULL;
	CheckTokens told = CHECK_TOKENS_UNTOLD;

	p->verify_at = scanner_after(CHECK_AGAIN_MS);
	if (identity != NULL)
	{
		if (!check_chain(s, p, identity->calls[0].result) || !check_checkpoint(s, p))
		{
			if (s->doubter == p && p->state == USDTPAY_PROVIDER_REFUSED)
				s->doubter = NULL;
			return;
		}
		scanner_config_pins(s);
		told = check_tokens_again(s, p, &fault);
	}
	if (told == CHECK_TOKENS_OTHER)
		check_doubt(s, p, fault);
	else if (told == CHECK_TOKENS_UNTOLD && s->doubter == p)
		check_doubt(s, p, s->doubt);
	else if (told == CHECK_TOKENS_SAME)
	{
		p->verify_at = scanner_after(usdtpay_node_recheck_interval * 1000);
		if (s->doubter == p)
			s->doubter = NULL;
	}
}
