/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_seal.c: what sealing needs from C: leaves of journals, the hash tree, the transaction horizon.
 * Reads usdtpay.posting.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/xid8.h"

#include "compat.h"
#include "errors.h"
#include "ledger/merkle.h"

PG_FUNCTION_INFO_V1(usdtpay_next_xid);
PG_FUNCTION_INFO_V1(usdtpay_journal_leaves);
PG_FUNCTION_INFO_V1(usdtpay_merkle_root);
PG_FUNCTION_INFO_V1(usdtpay_merkle_path);
PG_FUNCTION_INFO_V1(usdtpay_ledger_proof_check);

#define SEAL_FETCH     1000
#define SEAL_DOMAIN    "usdtpay:journal:v1"
#define SEAL_LINE_BITS 8

/* next_xid() → the next transaction id of the cluster: every id given out so far is below it.  Not
 * the xmax of a snapshot, which ids of running transactions may exceed. */
Datum
usdtpay_next_xid(PG_FUNCTION_ARGS)
{
	PG_RETURN_FULLTRANSACTIONID(ReadNextFullTransactionId());
}

/* A journal whose lines are being collected. */
typedef struct SealLeaf
{
	StringInfoData bytes;
	int64 journal;
	int64 party;
	int lines;
	ReturnSetInfo *result;
} SealLeaf;

/* Finishes the journal: hashes its bytes and returns a row. */
static void
seal_leaf_end(SealLeaf *leaf)
{
	bytea *hash = palloc(VARHDRSZ + MERKLE_HASH);
	MerkleHash digest;
	Datum values[4];
	bool nulls[4] = {false, false, false, false};

	if (leaf->lines == 0)
		return;
	digest = merkle_leaf((uint8_t *) leaf->bytes.data, (size_t) leaf->bytes.len);
	SET_VARSIZE(hash, VARHDRSZ + MERKLE_HASH);
	memcpy(VARDATA(hash), digest.bytes, MERKLE_HASH);
	values[0] = Int64GetDatum(leaf->journal);
	values[1] = Int64GetDatum(leaf->party);
	values[2] = Int32GetDatum(leaf->lines);
	values[3] = PointerGetDatum(hash);
	tuplestore_putvalues(leaf->result->setResult, leaf->result->setDesc, values, nulls);
	pfree(hash);
}

/* Begins the next journal: room for the leaf prefix, then the domain. */
static void
seal_leaf_begin(SealLeaf *leaf, int64 journal, int64 party)
{
	resetStringInfo(&leaf->bytes);
	appendStringInfoChar(&leaf->bytes, '\0');
	appendBinaryStringInfo(&leaf->bytes, SEAL_DOMAIN, (int) strlen(SEAL_DOMAIN));
	leaf->journal = journal;
	leaf->party = party;
	leaf->lines = 0;
}

/* Appends a value that may be NULL: presence, length, octets. */
static void
seal_append_text(StringInfo bytes, Datum value, bool isnull)
{
	text *octets;

	pq_sendbyte(bytes, isnull ? 0 : 1);
	if (isnull)
		return;
	octets = DatumGetTextPP(value);
	pq_sendint32(bytes, (uint32) VARSIZE_ANY_EXHDR(octets));
	appendBinaryStringInfo(bytes, VARDATA_ANY(octets), (int) VARSIZE_ANY_EXHDR(octets));
}

/* Appends one posting: ten 64-bit values, lines, phase, hold, then kind, key and reference. */
static void
seal_append_posting(StringInfo bytes, HeapTuple row, TupleDesc desc)
{
	bool isnull;
	Datum value;
	int i;

	for (i = 1; i <= 10; i++)
		pq_sendint64(bytes, (uint64) DatumGetInt64(SPI_getbinval(row, desc, i, &isnull)));
	pq_sendint16(bytes, (uint16) DatumGetInt16(SPI_getbinval(row, desc, 11, &isnull)));
	pq_sendbyte(bytes, (uint8) DatumGetChar(SPI_getbinval(row, desc, 12, &isnull)));
	value = SPI_getbinval(row, desc, 13, &isnull);
	pq_sendint64(bytes, isnull ? 0 : (uint64) DatumGetInt64(value));
	for (i = 14; i <= 16; i++)
	{
		value = SPI_getbinval(row, desc, i, &isnull);
		seal_append_text(bytes, value, isnull);
	}
}

/* Takes one posting of the ordered stream. */
static void
seal_take(SealLeaf *leaf, HeapTuple row, TupleDesc desc)
{
	bool isnull;
	int64 party = DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull));
	int64 journal = DatumGetInt64(SPI_getbinval(row, desc, 2, &isnull)) >> SEAL_LINE_BITS;

	if (leaf->lines == 0 || journal != leaf->journal || party != leaf->party)
	{
		seal_leaf_end(leaf);
		seal_leaf_begin(leaf, journal, party);
	}
	seal_append_posting(&leaf->bytes, row, desc);
	leaf->lines++;
}

/* journal_leaves(first, last) → (journal_id, party_id, postings, leaf), one row per journal whose
 * number lies in the range, in order.  The columns of the query fix the canonical form: do not
 * reorder. */
Datum
usdtpay_journal_leaves(PG_FUNCTION_ARGS)
{
	Oid types[2] = {INT8OID, INT8OID};
	Datum args[2] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
	SealLeaf leaf = {0};
	Portal portal;
	uint64 i;

	InitMaterializedSRF(fcinfo, 0);
	leaf.result = (ReturnSetInfo *) fcinfo->resultinfo;
	SPI_connect();
	initStringInfo(&leaf.bytes);
	portal = SPI_cursor_open_with_args(
		NULL,
		"SELECT party_id, posting_id, debit_account, credit_account, amount, debit_after, "
		"credit_after, debit_prev, credit_prev, posted_at, lines, phase, hold_id, kind::text, key, "
		"reference FROM usdtpay.posting WHERE posting_id >= $1 * 256 AND posting_id <= $2 * 256 + "
		"255 "
		"ORDER BY posting_id, party_id",
		2, types, args, NULL, true, 0);
	do
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, SEAL_FETCH);
		for (i = 0; i < SPI_processed; i++)
			seal_take(&leaf, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		SPI_freetuptable(SPI_tuptable);
	} while (i > 0);
	seal_leaf_end(&leaf);
	SPI_cursor_close(portal);
	SPI_finish();
	return (Datum) 0;
}

/* Copies an array of 32-byte hashes.  Returns: them, Out: *count. */
static MerkleHash *
seal_hashes(ArrayType *array, size_t *count)
{
	MerkleHash *hashes;
	Datum *values;
	bool *nulls;
	int n;
	int i;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("array must have one dimension"),
						errdetail("It has %d.", ARR_NDIM(array)),
						errhint("Pass a list of 32-byte hashes.")));
	deconstruct_array(array, BYTEAOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	hashes = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(MerkleHash) * (Size) Max(n, 1));
	for (i = 0; i < n; i++)
	{
		bytea *value = nulls[i] ? NULL : DatumGetByteaPP(values[i]);

		if (value == NULL || VARSIZE_ANY_EXHDR(value) != MERKLE_HASH)
			ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("hash must have 32 octets"),
							errdetail("Element %d does not.", i + 1),
							errhint("Pass a list of SHA-256 hashes.")));
		memcpy(hashes[i].bytes, VARDATA_ANY(value), MERKLE_HASH);
	}
	*count = (size_t) n;
	return hashes;
}

/* Makes a bytea of a hash. */
static Datum
seal_hash_datum(const MerkleHash *hash)
{
	bytea *out = palloc(VARHDRSZ + MERKLE_HASH);

	SET_VARSIZE(out, VARHDRSZ + MERKLE_HASH);
	memcpy(VARDATA(out), hash->bytes, MERKLE_HASH);
	return PointerGetDatum(out);
}

/* merkle_root(leaf hashes) → root. */
Datum
usdtpay_merkle_root(PG_FUNCTION_ARGS)
{
	size_t count;
	MerkleHash *leaves = seal_hashes(PG_GETARG_ARRAYTYPE_P(0), &count);
	MerkleHash root = merkle_root(leaves, count);

	PG_RETURN_DATUM(seal_hash_datum(&root));
}

/* merkle_path(leaf hashes, index from 0) → audit path. */
Datum
usdtpay_merkle_path(PG_FUNCTION_ARGS)
{
	size_t count;
	MerkleHash *leaves = seal_hashes(PG_GETARG_ARRAYTYPE_P(0), &count);
	int64 index = PG_GETARG_INT64(1);
	MerkleHash path[MERKLE_MAX_PATH];
	Datum values[MERKLE_MAX_PATH];
	size_t length;
	size_t i;

	if (index < 0 || (uint64) index >= count)
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("leaf index out of range"),
						errdetail("Index " INT64_FORMAT " of %zu leaves.", index, count),
						errhint("Leaves count from 0.")));
	length = merkle_path(path, leaves, count, (size_t) index);
	for (i = 0; i < length; i++)
		values[i] = seal_hash_datum(&path[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(values, (int) length, BYTEAOID, -1, false, TYPALIGN_INT));
}

/* ledger_proof_check(leaf_hash, leaf_index, tree_size, audit_path, root) → boolean.  A value of a
 * wrong length is a proof that does not hold, not an error. */
Datum
usdtpay_ledger_proof_check(PG_FUNCTION_ARGS)
{
	bytea *leaf = PG_GETARG_BYTEA_PP(0);
	int64 index = PG_GETARG_INT64(1);
	int64 size = PG_GETARG_INT64(2);
	bytea *root = PG_GETARG_BYTEA_PP(4);
	MerkleHash *path;
	size_t length;

	if (VARSIZE_ANY_EXHDR(leaf) != MERKLE_HASH || VARSIZE_ANY_EXHDR(root) != MERKLE_HASH ||
		index < 0 || size <= 0)
		PG_RETURN_BOOL(false);
	path = seal_hashes(PG_GETARG_ARRAYTYPE_P(3), &length);
	PG_RETURN_BOOL(merkle_check((const MerkleHash *) VARDATA_ANY(root),
								(const MerkleHash *) VARDATA_ANY(leaf), (uint64) index,
								(uint64) size, path, length));
}
