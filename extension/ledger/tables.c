/* SPDX-License-Identifier: PostgreSQL
 *
 * tables.c: opens the ledger's tables and decides whether the direct lane may touch them.  It may
 * when they are what the extension made: local heaps of the expected shape without partitions,
 * rules, foreign constraints or triggers that would have to fire.  Anything else is the plain
 * lane's.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "ledger/ledger.h"

static const Oid table_account_types[] = {INT8OID, INT8OID, INT4OID, INT4OID, INT8OID,
										  INT8OID, INT8OID, INT8OID, INT8OID, INT8OID};
/* The type of kind (column 11) is ours and differs between databases: not listed. */
static const Oid table_posting_types[] = {
	INT8OID, INT8OID,        INT8OID,    INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
	INT8OID, TIMESTAMPTZOID, InvalidOid, INT2OID, CHAROID, INT8OID, TEXTOID, TEXTOID};
static const Oid table_hold_types[] = {INT8OID, INT8OID, TIMESTAMPTZOID};

/* What a table must look like: column types, CHECK constraints (the engine's arithmetic implies
 * exactly those it was written for) and the row triggers it must not have. */
typedef struct TableShape
{
	const char *name;
	const Oid *types;
	int natts;
	int checks;
} TableShape;

static const TableShape table_account_shape = {"account", table_account_types,
											   lengthof(table_account_types), 1};
static const TableShape table_posting_shape = {"posting", table_posting_types,
											   lengthof(table_posting_types), 1};
static const TableShape table_hold_shape = {"hold", table_hold_types, lengthof(table_hold_types),
											0};

/* Returns the table's oid, InvalidOid when it does not exist. */
Oid
ledger_table_oid(const char *schema, const char *name)
{
	Oid nsp = get_namespace_oid(schema, true);

	return OidIsValid(nsp) ? get_relname_relid(name, nsp) : InvalidOid;
}

/* Tells whether a trigger would have to fire on our writes.  The referential checks of foreign keys
 * that point here are internal and look at key columns only, which we never change. */
static bool
table_has_live_trigger(Relation rel)
{
	TriggerDesc *desc = rel->trigdesc;
	int i;

	if (desc == NULL)
		return false;
	for (i = 0; i < desc->numtriggers; i++)
	{
		const Trigger *trigger = &desc->triggers[i];

		if (TRIGGER_FOR_INSERT(trigger->tgtype))
			return true;
		if (TRIGGER_FOR_ROW(trigger->tgtype) && !trigger->tgisinternal)
			return true;
	}
	return false;
}

/* Tells whether the table has the columns, in type and number, that the engine writes. */
static bool
table_has_shape(Relation rel, const TableShape *shape)
{
	TupleDesc desc = RelationGetDescr(rel);
	int i;

	if (desc->natts != shape->natts)
		return false;
	if ((desc->constr == NULL ? 0 : desc->constr->num_check) != shape->checks)
		return false;
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || att->attgenerated != '\0' || att->attidentity != '\0')
			return false;
		if (OidIsValid(shape->types[i]) && att->atttypid != shape->types[i])
			return false;
	}
	return true;
}

/* Tells whether the table is an ordinary local heap that nobody decorated. */
static bool
table_is_plain(Relation rel, const TableShape *shape)
{
	Form_pg_class form = rel->rd_rel;

	return form->relkind == RELKIND_RELATION && !form->relispartition &&
		   !form->relforcerowsecurity && form->relpersistence == RELPERSISTENCE_PERMANENT &&
		   !form->relhassubclass && rel->rd_rules == NULL &&
		   rel->rd_tableam == GetHeapamTableAmRoutine() && table_has_shape(rel, shape) &&
		   !table_has_live_trigger(rel);
}

/* Tells whether every index checks uniqueness at once and excludes nothing, as ours do. */
static bool
table_indexes_are_plain(const LedgerTable *table)
{
	int i;

	for (i = 0; i < table->result->ri_NumIndices; i++)
	{
		Form_pg_index form = table->result->ri_IndexRelationDescs[i]->rd_index;

		if (!form->indimmediate || form->indisexclusion)
			return false;
	}
	return true;
}

/* Finds the primary key among the opened indexes, if it is on the first two columns. */
static Relation
table_primary(const LedgerTable *table, Oid primary)
{
	int i;

	for (i = 0; i < table->result->ri_NumIndices; i++)
	{
		Relation index = table->result->ri_IndexRelationDescs[i];
		Form_pg_index form = index->rd_index;

		if (RelationGetRelid(index) == primary && form->indnatts == 2 &&
			form->indkey.values[0] == 1 && form->indkey.values[1] == 2)
			return index;
	}
	return NULL;
}

/* Opens one table with its indexes.  Returns false, with nothing left open, when it is not
 * plain. */
static bool
table_open_plain(LedgerTable *table, const TableShape *shape)
{
	table->rel = try_relation_open(ledger_table_oid("usdtpay", shape->name), RowExclusiveLock);
	if (table->rel == NULL)
		return false;
	if (!table_is_plain(table->rel, shape))
	{
		table_close(table->rel, RowExclusiveLock);
		table->rel = NULL;
		return false;
	}
	table->result = makeNode(ResultRelInfo);
	InitResultRelInfo(table->result, table->rel, 0, NULL, 0);
	ExecOpenIndices(table->result, false);
	table->primary = table_primary(table, up_primary_key(table->rel));
	return table->primary != NULL;
}

/* Closes one table; the lock stays until the transaction ends. */
static void
table_shut(LedgerTable *table)
{
	if (table->rel == NULL)
		return;
	ExecCloseIndices(table->result);
	table_close(table->rel, NoLock);
	table->rel = NULL;
}

/* Tells whether a predicate is exactly "column IS NOT NULL". */
static bool
table_predicate_is_not_null(List *predicate, AttrNumber column)
{
	const NullTest *test;

	if (list_length(predicate) != 1)
		return false;
	test = (const NullTest *) linitial(predicate);
	return IsA(test, NullTest) && test->nulltesttype == IS_NOT_NULL && IsA(test->arg, Var) &&
		   ((const Var *) test->arg)->varattno == column;
}

/* Finds the unique index on (party_id, column) where column is not null among the opened
 * indexes. */
static Relation
table_unique_on(const LedgerTable *table, AttrNumber column)
{
	int i;

	for (i = 0; i < table->result->ri_NumIndices; i++)
	{
		Relation index = table->result->ri_IndexRelationDescs[i];
		Form_pg_index form = index->rd_index;

		if (form->indisunique && form->indisvalid && form->indnatts == 2 &&
			form->indkey.values[0] == 1 && form->indkey.values[1] == column &&
			table_predicate_is_not_null(table->result->ri_IndexRelationInfo[i]->ii_Predicate,
										column))
			return index;
	}
	return NULL;
}

/* Opens what the batch needs.  Returns false, with nothing left open, when the direct lane must not
 * be used. */
bool
ledger_tables_open(LedgerBatch *batch)
{
	batch->sequence = ledger_table_oid("usdtpay_internal", "journal_seq");
	if (OidIsValid(batch->sequence) && table_open_plain(&batch->account, &table_account_shape) &&
		table_open_plain(&batch->posting, &table_posting_shape) &&
		(!ledger_batch_has_phase(batch, "hcrx") ||
		 table_open_plain(&batch->hold, &table_hold_shape)))
	{
		batch->key_index = table_unique_on(&batch->posting, 15);
		batch->hold_index = table_unique_on(&batch->posting, 14);
		if (batch->key_index != NULL && batch->hold_index != NULL &&
			table_indexes_are_plain(&batch->posting))
		{
			batch->estate = CreateExecutorState();
			return true;
		}
	}
	ledger_tables_close(batch);
	return false;
}

/* Closes what ledger_tables_open opened. */
void
ledger_tables_close(LedgerBatch *batch)
{
	table_shut(&batch->hold);
	table_shut(&batch->posting);
	table_shut(&batch->account);
	if (batch->estate != NULL)
		FreeExecutorState(batch->estate);
	batch->estate = NULL;
}
