/* SPDX-License-Identifier: PostgreSQL
 *
 * launcher.c: who starts the workers.  The launcher is registered while the server preloads the
 * library; it sees shared catalogs only and keeps one keeper running in each database that
 * usdtpay.databases names.  A keeper keeps one scanner per enabled network and one courier.
 *
 * Invariants: a parent knows its children by handle and ends them when it ends itself, so no
 * worker runs twice; a child that ended is started again after a pause.  None of them is started
 * before recovery is over: on a standby there is nothing, after promotion everything.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "compat.h"
#include "guc.h"
#include "worker.h"

#define LAUNCHER_PAUSE_MS  5000
#define KEEPER_PAUSE_MS    1000
#define LAUNCHER_RESTART_S 5
#define LAUNCHER_CHILDREN  64

/* A worker each database has exactly one of. */
typedef struct LauncherDuty
{
	const char *name;
	const char *entry;
} LauncherDuty;

static const LauncherDuty launcher_duties[] = {
	{"courier", "usdtpay_courier_main"},
	{NULL, NULL},
};

/* A child: what it was started for, and how to reach it. */
typedef struct LauncherChild
{
	const char *name; /* NULL: free slot */
	UsdtpayWorkerPlace place;
	BackgroundWorkerHandle *handle; /* NULL: not running */
	TimestampTz started_at;
	bool wanted;
} LauncherChild;

static LauncherChild launcher_children[LAUNCHER_CHILDREN];
static bool launcher_full_reported = false;
static bool launcher_malformed = false;
static List *launcher_missing = NIL; /* names reported, in TopMemoryContext */

/* Ends every child; runs when this process ends, however it ends. */
static void
launcher_end_children(int code, Datum arg)
{
	int i;

	for (i = 0; i < LAUNCHER_CHILDREN; i++)
		if (launcher_children[i].handle != NULL)
			TerminateBackgroundWorker(launcher_children[i].handle);
}

/* Finds the child of a place, or a free slot for it.  Returns: NULL when there is neither. */
static LauncherChild *
launcher_slot(const char *name, const UsdtpayWorkerPlace *place)
{
	LauncherChild *vacant = NULL;
	int i;

	for (i = 0; i < LAUNCHER_CHILDREN; i++)
	{
		LauncherChild *child = &launcher_children[i];

		if (child->name == NULL)
		{
			if (vacant == NULL)
				vacant = child;
			continue;
		}
		if (strcmp(child->name, name) == 0 && child->place.database == place->database &&
			child->place.argument == place->argument)
			return child;
	}
	if (vacant != NULL)
	{
		memset(vacant, 0, sizeof(*vacant));
		vacant->name = name;
		vacant->place = *place;
	}
	return vacant;
}

/* Starts a child's process. */
static void
launcher_start(LauncherChild *child, const char *entry)
{
	BackgroundWorker bgw;
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

	usdtpay_worker_fill(&bgw, child->name, entry, &child->place);
	bgw.bgw_notify_pid = MyProcPid;
	child->started_at = usdtpay_worker_clock();
	if (RegisterDynamicBackgroundWorker(&bgw, &child->handle))
		launcher_full_reported = false;
	else
	{
		child->handle = NULL;
		if (!launcher_full_reported)
			ereport(WARNING,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("no room to start usdtpay %s %s", child->name, child->place.label),
					 errhint("Raise max_worker_processes.")));
		launcher_full_reported = true;
	}
	MemoryContextSwitchTo(caller);
}

/* Wants a child: starts it unless it runs or ended too short a while ago. */
static void
launcher_want(const char *name, const char *entry, const UsdtpayWorkerPlace *place)
{
	LauncherChild *child = launcher_slot(name, place);

	if (child == NULL)
	{
		if (!launcher_full_reported)
			ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
							  errmsg("more than %d usdtpay workers asked for", LAUNCHER_CHILDREN)));
		launcher_full_reported = true;
		return;
	}
	child->wanted = true;
	if (child->handle == NULL &&
		(child->started_at == 0 ||
		 TimestampDifferenceExceeds(child->started_at, usdtpay_worker_clock(),
									LAUNCHER_RESTART_S * 1000)))
		launcher_start(child, entry);
}

/* Notices children that ended. */
static void
launcher_reap(void)
{
	int i;

	for (i = 0; i < LAUNCHER_CHILDREN; i++)
	{
		LauncherChild *child = &launcher_children[i];
		pid_t pid;

		child->wanted = false;
		if (child->handle == NULL || GetBackgroundWorkerPid(child->handle, &pid) != BGWH_STOPPED)
			continue;
		pfree(child->handle);
		child->handle = NULL;
	}
}

/* Ends children nobody wants any more and frees their slots once they are gone. */
static void
launcher_prune(void)
{
	int i;

	for (i = 0; i < LAUNCHER_CHILDREN; i++)
	{
		LauncherChild *child = &launcher_children[i];

		if (child->name == NULL || child->wanted)
			continue;
		if (child->handle != NULL)
			TerminateBackgroundWorker(child->handle);
		else
			child->name = NULL;
	}
}

/* Finds a database that takes connections.  Reads pg_database from end to end as autovacuum's
 * launcher does: a process without a database cannot count on any index.
 * Returns: InvalidOid when there is none. */
static Oid
launcher_find_database(const char *name)
{
	Relation rel = table_open(DatabaseRelationId, AccessShareLock);
	TableScanDesc scan = table_beginscan_catalog(rel, 0, NULL);
	Oid found = InvalidOid;
	HeapTuple tuple;

	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);

		if (strcmp(NameStr(database->datname), name) == 0 && database->datallowconn)
			found = database->oid;
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* Says once that a database is missing. */
static void
launcher_report_missing(const char *name)
{
	MemoryContext caller;
	ListCell *cell;

	foreach (cell, launcher_missing)
		if (strcmp(lfirst(cell), name) == 0)
			return;
	caller = MemoryContextSwitchTo(TopMemoryContext);
	launcher_missing = lappend(launcher_missing, pstrdup(name));
	MemoryContextSwitchTo(caller);
	ereport(WARNING, (errcode(ERRCODE_UNDEFINED_DATABASE),
					  errmsg("usdtpay.databases names a database that cannot be used"),
					  errdetail("Database \"%s\" does not exist or allows no connections.", name),
					  errhint("The workers start by themselves once it exists.")));
}

/* Wants a keeper in one database; one that is missing is reported. */
static void
launcher_want_keeper(const char *name)
{
	UsdtpayWorkerPlace place = {0};

	place.database = launcher_find_database(name);
	if (!OidIsValid(place.database))
	{
		launcher_report_missing(name);
		return;
	}
	strlcpy(place.label, name, sizeof(place.label));
	launcher_want("keeper", "usdtpay_keeper_main", &place);
}

/* Compares the setting with what runs. */
static void
launcher_tick(void)
{
	MemoryContext caller = CurrentMemoryContext;
	List *names = NIL;
	ListCell *cell;
	bool malformed;

	StartTransactionCommand();
	launcher_reap();
	malformed = !SplitIdentifierString(pstrdup(usdtpay_databases), ',', &names);
	if (malformed && !launcher_malformed)
		ereport(WARNING, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						  errmsg("usdtpay.databases is no list of names")));
	launcher_malformed = malformed;
	foreach (cell, names)
		launcher_want_keeper(lfirst(cell));
	launcher_prune();
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
}

/* The launcher: connected to no database. */
void
usdtpay_launcher_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	before_shmem_exit(launcher_end_children, (Datum) 0);
	pgstat_report_appname("usdtpay launcher");
	for (;;)
	{
		usdtpay_worker_interrupts();
		launcher_tick();
		WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LAUNCHER_PAUSE_MS,
				  PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

/* Wants one scanner per enabled network. */
static void
keeper_want_scanners(void)
{
	uint64 i;

	if (SPI_execute("SELECT network_id, code FROM usdtpay_internal.worker_networks()", true, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not read the networks");
	for (i = 0; i < SPI_processed; i++)
	{
		UsdtpayWorkerPlace place = {0};
		HeapTuple row = SPI_tuptable->vals[i];
		bool isnull;

		place.database = MyDatabaseId;
		place.argument = DatumGetInt32(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull));
		strlcpy(place.label, SPI_getvalue(row, SPI_tuptable->tupdesc, 2), sizeof(place.label));
		launcher_want("scanner", "usdtpay_scanner_main", &place);
	}
}

/* Compares networks and duties with what runs, and ends sessions that keep the workers waiting. */
static int
keeper_tick(void)
{
	size_t i;

	launcher_reap();
	if (!usdtpay_worker_begin())
	{
		launcher_prune();
		return KEEPER_PAUSE_MS;
	}
	keeper_want_scanners();
	if (SPI_execute("SELECT usdtpay_internal.worker_unblock()", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for sessions that are in the way");
	usdtpay_worker_commit();
	for (i = 0; i < lengthof(launcher_duties) && launcher_duties[i].name != NULL; i++)
	{
		UsdtpayWorkerPlace place = {0};

		place.database = MyDatabaseId;
		launcher_want(launcher_duties[i].name, launcher_duties[i].entry, &place);
	}
	launcher_prune();
	return KEEPER_PAUSE_MS;
}

/* Registers the clean-up before the first child exists. */
static void
keeper_start(void)
{
	before_shmem_exit(launcher_end_children, (Datum) 0);
}

static const UsdtpayWorker keeper_worker = {
	.name = "keeper",
	.start = keeper_start,
	.tick = keeper_tick,
	.resident = true,
};

/* The keeper of one database. */
void
usdtpay_keeper_main(Datum arg)
{
	usdtpay_worker_main(&keeper_worker);
}

/* Registers the launcher.  Without preloading there are no workers and all functions work; a
 * binary upgrade runs none either. */
void
usdtpay_launcher_init(void)
{
	BackgroundWorker bgw;

	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	usdtpay_worker_fill(&bgw, "launcher", "usdtpay_launcher_main", NULL);
	bgw.bgw_restart_time = LAUNCHER_RESTART_S;
	RegisterBackgroundWorker(&bgw);
}
