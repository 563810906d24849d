/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_guard.c: keeps DROP EXTENSION and DROP OWNED from destroying money records.  The tables belong
 * to the extension, so dropping it drops them; an event trigger refuses while there are postings.
 * Reads usdtpay.posting.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_extension.h"
#include "commands/event_trigger.h"
#include "commands/user.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "errors.h"
#include "guc.h"
#include "ledger/ledger.h"

PG_FUNCTION_INFO_V1(usdtpay_drop_guard);

/* Tells whether the command drops our extension: by name, or with the language our functions stand
 * on.  No other extension is required by ours. */
static bool
guard_names_us(const DropStmt *stmt)
{
	ListCell *cell;

	foreach (cell, stmt->objects)
	{
		const char *name = strVal(lfirst(cell));

		if (strcmp(name, "usdtpay") == 0)
			return true;
		if (strcmp(name, "plpgsql") == 0 && stmt->behavior == DROP_CASCADE)
			return true;
	}
	return false;
}

/* Returns the owner of our extension, InvalidOid when it does not exist. */
static Oid
guard_owner(void)
{
	Relation rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	Oid owner = InvalidOid;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum("usdtpay"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return owner;
}

/* Tells whether the command would drop our extension. */
static bool
guard_concerns_us(Node *command)
{
	if (IsA(command, DropStmt))
		return guard_names_us((DropStmt *) command);
	if (IsA(command, DropOwnedStmt))
		return list_member_oid(roleSpecsToIds(((DropOwnedStmt *) command)->roles), guard_owner());
	return false;
}

/* Tells whether the ledger has any posting. */
static bool
guard_ledger_used(void)
{
	Relation rel;
	TableScanDesc scan;
	TupleTableSlot *slot;
	Snapshot snapshot;
	bool used;
	Oid oid = ledger_table_oid("usdtpay", "posting");

	if (!OidIsValid(oid))
		return false;
	rel = table_open(oid, AccessShareLock);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	slot = table_slot_create(rel, NULL);
	scan = table_beginscan(rel, snapshot, 0, NULL);
	used = table_scan_getnextslot(scan, ForwardScanDirection, slot);
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return used;
}

/* drop_guard(): event trigger on ddl_command_start of DROP EXTENSION and DROP OWNED. */
Datum
usdtpay_drop_guard(PG_FUNCTION_ARGS)
{
	EventTriggerData *data = (EventTriggerData *) fcinfo->context;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("drop_guard can only be called as an event trigger")));
	if (usdtpay_allow_drop)
		PG_RETURN_NULL();
	if (guard_concerns_us(data->parsetree) && guard_ledger_used())
		ereport(ERROR,
				(errcode(ERRCODE_UP_GUARDED), errmsg("extension holds a ledger with postings"),
				 errdetail("Dropping usdtpay, or what it stands on, would destroy them."),
				 errhint("Take a dump, then set usdtpay.allow_drop = on in this session.")));
	PG_RETURN_NULL();
}
