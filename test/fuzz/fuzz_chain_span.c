/* SPDX-License-Identifier: PostgreSQL
 *
 * fuzz_chain_span.c: a node's two answers, headers and logs, of either family.  The input is one
 * byte for the family, the headers, a NUL and the logs.  Whatever is let through is in order,
 * inside its blocks and of our contract.
 */
#include "fuzz.h"

#include "chain/evm.h"
#include "chain/span.h"
#include "chain/tron.h"

#define FUZZ_BLOCKS 64

static UsdtpayBlock fuzz_block[FUZZ_BLOCKS];
static size_t fuzz_blocks;
static void *fuzz_memory[64];
static size_t fuzz_memories;
static UsdtpaySpanRow fuzz_last;
static bool fuzz_any;

/* The recorded seeds' contracts: USDT on both chains and the test chain's. */
static const uint8_t fuzz_contract[3][20] = {
	{0xda, 0xc1, 0x7f, 0x95, 0x8d, 0x2e, 0xe5, 0x23, 0xa2, 0x20,
	 0x62, 0x06, 0x99, 0x45, 0x97, 0xc1, 0x3d, 0x83, 0x1e, 0xc7},
	{0xa6, 0x14, 0xf8, 0x03, 0xb6, 0xfd, 0x78, 0x09, 0x86, 0xa4,
	 0x2c, 0x78, 0xec, 0x9c, 0x7f, 0x77, 0xe6, 0xde, 0xd1, 0x3c},
	{0x5f, 0xbd, 0xb2, 0x31, 0x56, 0x78, 0xaf, 0xec, 0xb3, 0x67,
	 0xf0, 0x32, 0xd9, 0x3f, 0x64, 0x2f, 0x64, 0x18, 0x0a, 0xa3}};

static bool
fuzz_keep(void *arg, const UsdtpayBlock *block)
{
	UsdtpayFault *f = arg;

	if (fuzz_blocks == FUZZ_BLOCKS)
		return usdtpay_fault(f, "too many blocks for the fuzzer");
	if (fuzz_blocks > 0)
		FUZZ_HOLDS(block->number == fuzz_block[fuzz_blocks - 1].number + 1);
	fuzz_block[fuzz_blocks++] = *block;
	return true;
}

static bool
fuzz_row(void *arg, const UsdtpaySpanRow *row)
{
	FUZZ_HOLDS(row->block >= fuzz_block && row->block < fuzz_block + fuzz_blocks);
	FUZZ_HOLDS(row->event->kind > USDTPAY_EVENT_OTHER && row->event->kind < USDTPAY_EVENT_KINDS);
	FUZZ_HOLDS(usdtpay_event_name(row->event->kind) != NULL);
	if (fuzz_any && fuzz_last.block == row->block)
		FUZZ_HOLDS(row->log_index > fuzz_last.log_index && row->tx_index >= fuzz_last.tx_index);
	if (fuzz_any)
		FUZZ_HOLDS(row->block >= fuzz_last.block);
	fuzz_last = *row;
	fuzz_any = true;
	return true;
}

static void *
fuzz_alloc(size_t size)
{
	void *p = malloc(size);

	FUZZ_HOLDS(p != NULL && fuzz_memories < 64);
	return fuzz_memory[fuzz_memories++] = p;
}

/* Reads the logs against the blocks, as fresh and as known ones. */
static void
fuzz_logs(bool tron, bool known, const char *logs, size_t len)
{
	UsdtpayFault f = {0};
	UsdtpaySpan span = {.block = fuzz_block,
						.blocks = fuzz_blocks,
						.known = known,
						.contract = fuzz_contract,
						.contracts = 3,
						.row = fuzz_row,
						.alloc = fuzz_alloc,
						.fault = &f};
	bool good;
	size_t i;

	fuzz_any = false;
	good = tron ? usdtpay_span_tron(&span, logs, len) : usdtpay_span_evm(&span, logs, len);
	FUZZ_HOLDS(good == (f.what == NULL));
	for (i = 0; i < fuzz_blocks; i++)
		(void) usdtpay_span_suspect(&span, &fuzz_block[i]);
	while (fuzz_memories > 0)
		free(fuzz_memory[--fuzz_memories]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data + 1;
	UsdtpayFault f = {0};
	const char *nul;
	bool tron;

	if (size < 2)
		return 0;
	tron = data[0] & 1;
	nul = memchr(text, '\0', size - 1);
	if (nul == NULL)
		return 0;
	fuzz_blocks = 0;
	if (!usdtpay_span_blocks(tron ? USDTPAY_FAMILY_TRON : USDTPAY_FAMILY_EVM, data[0] & 2, text,
							 (size_t) (nul - text), fuzz_keep, &f, &f))
	{
		FUZZ_HOLDS(f.what != NULL);
		/* Hashes no mutation can hit: go on with the blocks read before the fault. */
	}
	fuzz_logs(tron, false, nul + 1, size - 2 - (size_t) (nul - text));
	fuzz_logs(tron, true, nul + 1, size - 2 - (size_t) (nul - text));
	return 0;
}
