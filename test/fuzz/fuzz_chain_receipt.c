/* SPDX-License-Identifier: PostgreSQL
 *
 * fuzz_chain_receipt.c: the receipts of a block, alone and against a header that claims their own
 * root, so that the way to a proof is walked to its end.
 *
 * The input is an object with the members "block" and "receipts", or receipts alone.
 */
#include "fuzz.h"

#include "chain/receipt.h"
#include "codec/hex.h"

static void *fuzz_memory[8];
static int fuzz_allocated;

static void *
fuzz_alloc(size_t size)
{
	void *p = malloc(size);

	FUZZ_HOLDS(p != NULL && fuzz_allocated < 8);
	fuzz_memory[fuzz_allocated++] = p;
	return p;
}

static void
fuzz_free(void)
{
	while (fuzz_allocated > 0)
		free(fuzz_memory[--fuzz_allocated]);
}

static bool
fuzz_sink(void *arg, const UsdtpayEvmLog *log, UsdtpaySlice raw)
{
	UsdtpaySlice *all = arg;

	FUZZ_HOLDS(raw.p >= all->p && raw.p + raw.len <= all->p + all->len);
	FUZZ_HOLDS(raw.len >= 2 && raw.p[0] == '{' && raw.p[raw.len - 1] == '}');
	return true;
}

/* Computes the root twice, and proves the receipts against a header that claims it. */
static void
fuzz_receipts(UsdtpayEvmHeader *h, UsdtpaySlice receipts)
{
	char claim[67] = "0x";
	UsdtpayFault f = {0};
	uint8_t root[32];
	uint8_t again[32];
	UsdtpayJson j;
	bool good;

	usdtpay_json_init(&j, receipts.p, receipts.len);
	good = usdtpay_receipts_root(root, &j, fuzz_alloc, &f);
	fuzz_free();
	FUZZ_HOLDS(good || f.what != NULL);
	if (!good)
		return;
	usdtpay_json_init(&j, receipts.p, receipts.len);
	FUZZ_HOLDS(usdtpay_receipts_root(again, &j, fuzz_alloc, &f));
	fuzz_free();
	FUZZ_HOLDS(memcmp(root, again, 32) == 0);
	if (h == NULL)
		return;
	usdtpay_hex_encode(claim + 2, root, 32);
	h->field[USDTPAY_EVM_RECEIPTS_ROOT].p = claim;
	h->field[USDTPAY_EVM_RECEIPTS_ROOT].len = 66;
	usdtpay_json_init(&j, receipts.p, receipts.len);
	f.what = NULL;
	good = usdtpay_receipts_prove(h, &j, fuzz_sink, &receipts, fuzz_alloc, &f);
	fuzz_free();
	FUZZ_HOLDS(good || f.what != NULL);
}

/* Finds a member of the object the input is. */
static UsdtpaySlice
fuzz_member(const uint8_t *data, size_t size, const char *wanted)
{
	UsdtpaySlice found = {NULL, 0};
	UsdtpaySlice name;
	UsdtpaySlice value;
	UsdtpayJson j;

	usdtpay_json_init(&j, (const char *) data, size);
	if (usdtpay_json_peek(&j) != USDTPAY_JSON_OBJECT)
		return found;
	(void) usdtpay_json_object(&j);
	while (usdtpay_json_member(&j, &name) && usdtpay_json_skip(&j, &value))
		if (name.len == strlen(wanted) && memcmp(name.p, wanted, name.len) == 0)
			found = value;
	return found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	UsdtpaySlice block = fuzz_member(data, size, "block");
	UsdtpaySlice receipts = fuzz_member(data, size, "receipts");
	UsdtpaySlice all = {(const char *) data, size};
	UsdtpayFault f = {0};
	UsdtpayEvmHeader h;
	UsdtpayJson j;

	if (block.p == NULL || receipts.p == NULL)
	{
		fuzz_receipts(NULL, all);
		return 0;
	}
	usdtpay_json_init(&j, block.p, block.len);
	fuzz_receipts(usdtpay_evm_header_parse(&h, &j, &f) ? &h : NULL, receipts);
	return 0;
}
