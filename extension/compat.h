/* SPDX-License-Identifier: PostgreSQL
 *
 * compat.h: every PG_VERSION_NUM test of the project; PostgreSQL 15 to 18.
 */
#ifndef USDTPAY_COMPAT_H
#define USDTPAY_COMPAT_H

#include "access/tableam.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h" /* part of postgres.h before */
#endif

#if PG_VERSION_NUM < 150000
#error "usdtpay needs PostgreSQL 15 or newer"
#endif

/* BGWORKER_INTERRUPTIBLE (19+) lets DROP DATABASE stop a worker at once. */
#ifndef BGWORKER_INTERRUPTIBLE
#define BGWORKER_INTERRUPTIBLE 0
#endif

/* A function that does not return is marked in front of its declaration from 18 on. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* From 16 on names may be parsed without raising, and one function checks every kind of object. */
#if PG_VERSION_NUM >= 160000
#define up_name_list(string) stringToQualifiedNameList((string), NULL)
#define up_function_aclcheck(funcid, roleid, mode)                                                 \
	object_aclcheck(ProcedureRelationId, (funcid), (roleid), (mode))
#else
#define up_name_list(string)                       stringToQualifiedNameList(string)
#define up_function_aclcheck(funcid, roleid, mode) pg_proc_aclcheck((funcid), (roleid), (mode))
#endif

/* index_beginscan takes an instrumentation target from 18 on. */
#if PG_VERSION_NUM >= 180000
#define up_index_beginscan(heap, index, snapshot, nkeys)                                           \
	index_beginscan((heap), (index), (snapshot), NULL, (nkeys), 0)
#else
#define up_index_beginscan(heap, index, snapshot, nkeys)                                           \
	index_beginscan((heap), (index), (snapshot), (nkeys), 0)
#endif

/* From 18 on a primary key that is deferrable must be asked for. */
#if PG_VERSION_NUM >= 180000
#define up_primary_key(rel) RelationGetPrimaryKeyIndex((rel), false)
#else
#define up_primary_key(rel) RelationGetPrimaryKeyIndex(rel)
#endif

/* From 17 on an index may keep pins between inserts until it is told that they are over. */
#if PG_VERSION_NUM >= 170000
#define up_index_insert_end(index, info) index_insert_cleanup((index), (info))
#else
#define up_index_insert_end(index, info) ((void) 0)
#endif

/* What table_tuple_update reports about indexes became a three-way enum in 16, and
 * ExecInsertIndexTuples grew a flag: a HOT update leaves all but the summarizing indexes alone. */
#if PG_VERSION_NUM >= 160000
typedef TU_UpdateIndexes UpUpdateIndexes;
#define UP_NEEDS_INDEXES(update)    ((update) != TU_None)
#define UP_ONLY_SUMMARIZING(update) ((update) == TU_Summarizing)
#define up_insert_index_tuples(rri, slot, estate, summarizing)                                     \
	ExecInsertIndexTuples((rri), (slot), (estate), false, false, NULL, NIL, (summarizing))
#else
typedef bool UpUpdateIndexes;
#define UP_NEEDS_INDEXES(update)    (update)
#define UP_ONLY_SUMMARIZING(update) false
#define up_insert_index_tuples(rri, slot, estate, summarizing)                                     \
	ExecInsertIndexTuples((rri), (slot), (estate), false, false, NULL, NIL)
#endif

/* The prepared CHECK constraints of a ResultRelInfo got another name in 18, and constraints that
 * are not enforced appeared. */
#if PG_VERSION_NUM >= 180000
#define UP_CHECK_STATES(rri)     ((rri)->ri_CheckConstraintExprs)
#define up_check_enforced(check) ((check)->ccenforced)
#else
#define UP_CHECK_STATES(rri)     ((rri)->ri_ConstraintExprs)
#define up_check_enforced(check) true
#endif

#endif
