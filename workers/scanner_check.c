/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_check.c: whether a node may be believed at all: chain id, checkpoint, decimals and code of
 * every token, compared with what is pinned.
 *
 * A family asks in its own protocol and hands over the raw words; they are judged here.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "codec/hex.h"
#include "codec/keccak.h"
#include "scanner.h"
#include "worker.h"

#define CHECK_WORD_DIGITS 64

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

/* Asks for decimals and code of every token.  Out: hashes of the code; fault: what is wrong with one
 * of them, NULL when nothing is.  Returns: false when the node gave no answer. */
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
	return check_chain(s, p, identity->calls[0].result) && check_checkpoint(s, p) &&
		   check_tokens(s, p);
}
