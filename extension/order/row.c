/* SPDX-License-Identifier: PostgreSQL
 *
 * row.c: reads and writes single rows of our tables without a statement: setting one up and tearing
 * it down costs several times what the row does.  Constraints and indexes are served all the same,
 * and a table somebody put triggers, rules or columns on is written by a statement after all.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "errors.h"
#include "order/order.h"

/* The CHECK constraints of a table, ready to run, as long as their text is the same. */
typedef struct RowChecks
{
	Oid relid; /* hash key */
	int count;
	uint64 generation; /* of functions */
	char **texts;
	ExprState **states;
	MemoryContext context;
} RowChecks;

static HTAB *row_checks = NULL;
static uint64 row_functions = 0; /* rises whenever some function changes */

/* Finds something of the schema usdtpay by name. */
static Oid
row_relid(const char *name)
{
	Oid relid = get_relname_relid(name, get_namespace_oid("usdtpay", false));

	if (!OidIsValid(relid))
		ereport(ERROR, (errcode(ERRCODE_UP_NOT_CONFIGURED), errmsg("a relation is missing"),
						errdetail("Looked for usdtpay.%s.", name),
						errhint("It belongs to the extension: restore it from a dump.")));
	return relid;
}

/* Refuses a column of another type than the values written to it: they would be misread. */
static void
row_check_types(Relation rel, const Oid *types, int natts)
{
	int i;

	for (i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i);
		bool same = OidIsValid(types[i]) ? att->atttypid == types[i]
										 : att->attbyval && att->attlen == sizeof(Oid);

		if (!same)
			ereport(ERROR, (errcode(ERRCODE_UP_NOT_CONFIGURED),
							errmsg("the table is not the one this library writes"),
							errdetail("Column \"%s\" of usdtpay.%s has another type.",
									  NameStr(att->attname), RelationGetRelationName(rel)),
							errhint("Give it back the type the extension made it with.")));
	}
}

Relation
usdtpay_row_open(const char *table, const Oid *types, int natts)
{
	Relation rel = table_open(row_relid(table), RowExclusiveLock);

	if (RelationGetNumberOfAttributes(rel) < natts)
		ereport(ERROR,
				(errcode(ERRCODE_UP_NOT_CONFIGURED),
				 errmsg("the table is not the one this library writes"),
				 errdetail("Table usdtpay.%s has %d columns, at least %d are needed.", table,
						   RelationGetNumberOfAttributes(rel), natts),
				 errhint("Library and extension differ in version: run ALTER EXTENSION usdtpay "
						 "UPDATE.")));
	row_check_types(rel, types, natts);
	return rel;
}

TupleTableSlot *
usdtpay_row_find(Relation rel, const char *index, ScanKey keys, int nkeys)
{
	Relation unique = index_open(row_relid(index), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	IndexScanDesc scan;
	Snapshot snapshot;
	bool found;

	CommandCounterIncrement(); /* what this very statement wrote before counts */
	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	scan = up_index_beginscan(rel, unique, snapshot, nkeys);
	index_rescan(scan, keys, nkeys, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	if (found)
		ExecMaterializeSlot(slot); /* outlives the scan's pins */
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	index_close(unique, NoLock);
	if (found)
		return slot;
	ExecDropSingleTupleTableSlot(slot);
	return NULL;
}

/* A function changed: conditions may have been planned with what it was. */
static void
checks_function_callback(Datum arg, int cacheid, uint32 hashvalue)
{
	row_functions++;
}

/* Tells whether the kept conditions are those of the table. */
static bool
checks_fit(const RowChecks *checks, const TupleConstr *constr)
{
	int i;

	if (checks->count != constr->num_check || checks->generation != row_functions)
		return false;
	for (i = 0; i < checks->count; i++)
		if (strcmp(checks->texts[i], constr->check[i].ccbin) != 0)
			return false;
	return true;
}

/* Prepares the table's conditions as the executor would.  A failure half-way leaves none behind. */
static void
checks_make(RowChecks *checks, const TupleConstr *constr)
{
	MemoryContext outer;
	int i;

	checks->count = 0;
	checks->generation = row_functions;
	if (checks->context == NULL)
		checks->context =
			AllocSetContextCreate(CacheMemoryContext, "usdtpay row checks", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(checks->context);
	outer = MemoryContextSwitchTo(checks->context);
	checks->texts = palloc(sizeof(char *) * constr->num_check);
	checks->states = palloc0(sizeof(ExprState *) * constr->num_check);
	for (i = 0; i < constr->num_check; i++)
	{
		checks->texts[i] = pstrdup(constr->check[i].ccbin);
		if (up_check_enforced(&constr->check[i]))
			checks->states[i] =
				ExecInitExpr(expression_planner(stringToNode(checks->texts[i])), NULL);
	}
	MemoryContextSwitchTo(outer);
	checks->count = constr->num_check;
}

/* Hands the executor the table's CHECK constraints ready to run, which it would otherwise parse for
 * every row anew. */
static void
row_lend_checks(ResultRelInfo *result, Relation rel)
{
	const TupleConstr *constr = RelationGetDescr(rel)->constr;
	Oid relid = RelationGetRelid(rel);
	RowChecks *checks;
	bool found;

	if (constr == NULL || constr->num_check == 0)
		return;
	if (row_checks == NULL)
	{
		HASHCTL ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(RowChecks)};

		row_checks = hash_create("usdtpay row checks", 8, &ctl, HASH_ELEM | HASH_BLOBS);
		CacheRegisterSyscacheCallback(PROCOID, checks_function_callback, (Datum) 0);
	}
	checks = hash_search(row_checks, &relid, HASH_ENTER, &found);
	if (!found)
	{
		checks->context = NULL;
		checks->count = 0;
	}
	if (!checks_fit(checks, constr))
		checks_make(checks, constr);
	UP_CHECK_STATES(result) = checks->states;
}

/* Tells whether the table is as the extension made it, but for indexes and CHECK constraints: then
 * nothing is missed by writing into it directly. */
static bool
row_is_plain(Relation rel, int natts)
{
	return RelationGetNumberOfAttributes(rel) == natts && rel->trigdesc == NULL &&
		   rel->rd_rules == NULL && !rel->rd_rel->relforcerowsecurity &&
		   rel->rd_rel->relkind == RELKIND_RELATION;
}

/* Inserts with what the executor has for it below the level of statements. */
static void
row_insert_direct(Relation rel, const Datum *values, const bool *nulls, int natts)
{
	EState *estate = CreateExecutorState();
	ResultRelInfo *result = makeNode(ResultRelInfo);
	TupleTableSlot *slot;

	InitResultRelInfo(result, rel, 0, NULL, 0);
	slot = ExecInitExtraTupleSlot(estate, RelationGetDescr(rel), &TTSOpsVirtual);
	memcpy(slot->tts_values, values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, nulls, natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	ExecOpenIndices(result, false);
	row_lend_checks(result, rel);
	ExecSimpleRelationInsert(result, estate, slot);
	ExecCloseIndices(result);
	ExecResetTupleTable(estate->es_tupleTable, false);
	FreeExecutorState(estate);
}

/* Inserts by a statement, so that whatever somebody put on the table has its effect: triggers,
 * rules, columns with defaults. */
static void
row_insert_statement(Relation rel, const Datum *values, const bool *nulls, int natts)
{
	StringInfoData columns;
	StringInfoData params;
	Oid *types = palloc(natts * sizeof(Oid));
	char *marks = palloc(natts + 1);
	int i;

	initStringInfo(&columns);
	initStringInfo(&params);
	for (i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i);

		types[i] = att->atttypid;
		marks[i] = nulls[i] ? 'n' : ' ';
		appendStringInfo(&columns, "%s%s", i == 0 ? "" : ", ",
						 quote_identifier(NameStr(att->attname)));
		appendStringInfo(&params, "%s$%d", i == 0 ? "" : ", ", i + 1);
	}
	marks[natts] = '\0';
	SPI_connect();
	SPI_execute_with_args(psprintf("INSERT INTO usdtpay.%s (%s) VALUES (%s)",
								   quote_identifier(RelationGetRelationName(rel)), columns.data,
								   params.data),
						  natts, types, unconstify(Datum *, values), marks, false, 0);
	if (SPI_processed != 1) /* an address nobody watches would lose money */
		ereport(ERROR,
				(errcode(ERRCODE_UP_NOT_CONFIGURED), errmsg("a row was kept from being written"),
				 errdetail("Table is usdtpay.%s.", RelationGetRelationName(rel)),
				 errhint("Look for a trigger or a rule on it that suppresses rows.")));
	SPI_finish();
}

void
usdtpay_row_insert(Relation rel, const Datum *values, const bool *nulls, int natts)
{
	PreventCommandIfReadOnly("INSERT");
	if (row_is_plain(rel, natts))
		row_insert_direct(rel, values, nulls, natts);
	else
		row_insert_statement(rel, values, nulls, natts);
}
