/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_turn.c: makes callers take turns at something that has no row to lock.  Advisory locks would
 * do, were they not open to everybody who may connect: any login could hold the courier or another
 * party's calls up for as long as it likes.  These locks lie in a corner of the lock table that no
 * statement reaches: on sub-objects of an extension.  Parts of the hash stand for the object.
 */
#include "postgres.h"

#include "catalog/pg_extension.h"
#include "common/hashfn.h"
#include "compat.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(usdtpay_turn_take);

/* Fills the tag of a turn.  Sub-object 0 is what PostgreSQL itself locks, so it is left out. */
static void
turn_tag(LOCKTAG *tag, text *what, int64 id)
{
	uint64 hash = hash_bytes_extended((unsigned char *) VARDATA_ANY(what),
									  (int) VARSIZE_ANY_EXHDR(what), (uint64) id);

	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, ExtensionRelationId, (uint32) hash,
					   (uint16) (1 + (hash >> 32) % PG_UINT16_MAX));
}

/* turn_take(what, id, wait) → whether the turn is ours, until the transaction ends. */
Datum
usdtpay_turn_take(PG_FUNCTION_ARGS)
{
	LOCKTAG tag;

	turn_tag(&tag, PG_GETARG_TEXT_PP(0), PG_GETARG_INT64(1));
	PG_RETURN_BOOL(LockAcquire(&tag, ExclusiveLock, false, !PG_GETARG_BOOL(2)) !=
				   LOCKACQUIRE_NOT_AVAIL);
}
