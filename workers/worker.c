/* SPDX-License-Identifier: PostgreSQL
 *
 * worker.c: the loop, the gate and the way out that all workers share.
 *
 * Invariants: SQL runs only behind the gate (not in recovery, extension present and of the
 * version this library was built with, as role usdtpay_worker); nothing is held while the
 * network is awaited; a worker leaves within a second when somebody drops, renames or copies
 * its database; an error costs one log line per streak and a pause that grows.
 *
 * Exit codes: every worker but the launcher is BGW_NEVER_RESTART, its parent starts it again;
 * so 0 and 1 differ only in the server's log.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/pmsignal.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "worker.h"

#define WORKER_LEAVE_CHECK_MS 1000
#define WORKER_GATE_PAUSE_MS  1000
#define WORKER_BACKOFF_MIN_MS 500
#define WORKER_BACKOFF_MAX_MS 30000

typedef enum WorkerGate
{
	WORKER_GATE_UNKNOWN,
	WORKER_GATE_OPEN,
	WORKER_GATE_RECOVERY,
	WORKER_GATE_ABSENT,
	WORKER_GATE_VERSION,
	WORKER_GATE_ROLE
} WorkerGate;

static UsdtpayWorkerPlace worker_home;
static const UsdtpayWorker *worker_self = NULL;
static MemoryContext worker_tick_context = NULL;
static WorkerGate worker_gate = WORKER_GATE_UNKNOWN;
static Oid worker_adopted = InvalidOid; /* the role this session is now */
static TimestampTz worker_leave_checked = 0;
static int worker_streak = 0;
static char worker_last_error[256];

/* Gives the place this process was started for. */
const UsdtpayWorkerPlace *
usdtpay_worker_place(void)
{
	return &worker_home;
}

/* Gives the scratch context of this tick; reset after it. */
MemoryContext
usdtpay_worker_context(void)
{
	return worker_tick_context;
}

/* Tells the time by a clock that nobody sets: it starts at the wall clock's and only ever goes
 * forward, at the pace of seconds.  Pauses, deadlines and ages are told by it, or a clock set back
 * by an hour would stop a worker for an hour. */
TimestampTz
usdtpay_worker_clock(void)
{
	static TimestampTz base = 0;
	static instr_time began;
	instr_time passed;

	INSTR_TIME_SET_CURRENT(passed);
	if (base == 0)
	{
		base = GetCurrentTimestamp();
		began = passed;
	}
	INSTR_TIME_SUBTRACT(passed, began);
	return base + (TimestampTz) INSTR_TIME_GET_MICROSEC(passed);
}

/* Ends the process when somebody wants the database to himself.  DROP, RENAME and CREATE …
 * TEMPLATE take a lock on it and then wait five seconds for its sessions to go. */
static void
worker_leave_if_asked(void)
{
	TimestampTz now = usdtpay_worker_clock();
	MemoryContext caller = CurrentMemoryContext;
	LOCKTAG database;
	bool wanted;

	if (!OidIsValid(MyDatabaseId) || IsTransactionState() ||
		!TimestampDifferenceExceeds(worker_leave_checked, now, WORKER_LEAVE_CHECK_MS))
		return;
	worker_leave_checked = now;
	StartTransactionCommand();
	SET_LOCKTAG_OBJECT(database, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
	wanted = LockAcquire(&database, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL;
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	if (wanted)
	{
		ereport(DEBUG1, (errmsg_internal("usdtpay %s leaves the database", worker_self->name)));
		proc_exit(0);
	}
}

/* Answers signals, reloads settings, leaves when the database is wanted.  Called wherever a
 * worker waits; throws for a cancel, ends the process for a stop. */
void
usdtpay_worker_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
	/* While requests are in flight nobody waits on a latch that would tell. */
	if (!PostmasterIsAlive())
		proc_exit(1);
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	worker_leave_if_asked();
}

/* Reads the installed version of an extension into out.  Returns: false when there is none. */
static bool
worker_extension_version(Oid extension, char *out, size_t cap)
{
	Relation rel = table_open(ExtensionRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple tuple;
	bool found = false;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(rel, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool isnull;
		Datum version =
			heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(rel), &isnull);

		strlcpy(out, isnull ? "" : TextDatumGetCString(version), cap);
		found = true;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* Says once why nothing is done. */
static void
worker_gate_report(WorkerGate gate, const char *version)
{
	if (gate == worker_gate)
		return;
	worker_gate = gate;
	if (gate == WORKER_GATE_VERSION)
		ereport(
			WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("usdtpay %s idles: extension and library differ", worker_self->name),
			 errdetail("Extension version is %s, library version is %s.", version, USDTPAY_VERSION),
			 errhint("Run ALTER EXTENSION usdtpay UPDATE, or restart the server after "
					 "installing the matching library.")));
	if (gate == WORKER_GATE_ROLE)
		ereport(WARNING, (errcode(ERRCODE_UNDEFINED_OBJECT),
						  errmsg("usdtpay %s idles: role \"%s\" cannot be used", worker_self->name,
								 USDTPAY_WORKER_ROLE),
						  errdetail("The role must exist and must not be a superuser."),
						  errhint("Call usdtpay.roles_setup() as a superuser.")));
}

/* Judges whether work may be done now.  In: an open transaction without a snapshot; on success
 * the extension stays locked against DROP until it ends. */
static WorkerGate
worker_gate_judge(char *version, size_t cap)
{
	Oid extension;
	Oid role;

	if (RecoveryInProgress())
		return WORKER_GATE_RECOVERY;
	extension = get_extension_oid("usdtpay", true);
	if (!OidIsValid(extension))
		return WORKER_GATE_ABSENT;
	LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
	if (get_extension_oid("usdtpay", true) != extension ||
		!worker_extension_version(extension, version, cap))
		return WORKER_GATE_ABSENT;
	if (strcmp(version, USDTPAY_VERSION) != 0)
		return WORKER_GATE_VERSION;
	role = get_role_oid(USDTPAY_WORKER_ROLE, true);
	if (!OidIsValid(role) || superuser_arg(role))
		return WORKER_GATE_ROLE;
	return WORKER_GATE_OPEN;
}

/* Opens a transaction and passes the gate.  Returns: false, with nothing open, when shut. */
static bool
worker_enter(Oid *role)
{
	char version[64] = "";
	WorkerGate gate;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	gate = worker_gate_judge(version, sizeof(version));
	worker_gate_report(gate, version);
	*role = gate == WORKER_GATE_OPEN ? get_role_oid(USDTPAY_WORKER_ROLE, true) : InvalidOid;
	if (gate == WORKER_GATE_OPEN)
		return true;
	CommitTransactionCommand();
	MemoryContextSwitchTo(worker_tick_context);
	return false;
}

/* Opens a short transaction with SPI connected and a snapshot, behind the gate.
 * Returns: false, with nothing open, when the gate is shut; the tick should then end. */
bool
usdtpay_worker_begin(void)
{
	Oid role;

	if (!worker_enter(&role))
		return false;
	if (worker_adopted != role)
	{
		/* A background worker can only log in as a role with LOGIN, and usdtpay_worker has none.
		 * The identity changes between two transactions: an abort would bring the old one back.
		 * A role that was dropped and made again is another one. */
		CommitTransactionCommand();
		SetSessionAuthorization(role, false);
		worker_adopted = role;
		if (!worker_enter(&role))
			return false;
	}
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, worker_self->name);
	return true;
}

/* Commits what usdtpay_worker_begin() opened; CurrentMemoryContext is the tick's again. */
void
usdtpay_worker_commit(void)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
	MemoryContextSwitchTo(worker_tick_context);
}

/* Spreads a pause by a quarter to either side, so that workers do not march in step. */
static int
worker_jitter(int ms)
{
	return (int) (ms * (0.75 + 0.5 * pg_prng_double(&pg_global_prng_state)));
}

/* Logs a failed tick, the first of its streak only.  Returns: how long to pause. */
static int
worker_failed(ErrorData *edata)
{
	int pause = WORKER_BACKOFF_MIN_MS << Max(Min(worker_streak, 6), 0);

	if (worker_streak == 0 || strcmp(worker_last_error, edata->message) != 0)
		ereport(WARNING,
				(errcode(edata->sqlerrcode),
				 errmsg("usdtpay %s%s%s: %s", worker_self->name, worker_home.label[0] ? " " : "",
						worker_home.label, edata->message),
				 edata->detail_log ? errdetail_internal("%s", edata->detail_log)
				 : edata->detail   ? errdetail_internal("%s", edata->detail)
								   : 0,
				 edata->hint ? errhint("%s", edata->hint) : 0,
				 edata->context ? errcontext("%s", edata->context) : 0));
	strlcpy(worker_last_error, edata->message, sizeof(worker_last_error));
	worker_streak++;
	return worker_jitter(Min(pause, WORKER_BACKOFF_MAX_MS));
}

/* Ends a streak of errors. */
static void
worker_recovered(void)
{
	if (worker_streak > 1)
		ereport(LOG, (errmsg("usdtpay %s%s%s works again after %d errors", worker_self->name,
							 worker_home.label[0] ? " " : "", worker_home.label, worker_streak)));
	worker_streak = 0;
}

/* Runs one tick; whatever it throws stops here.  Returns: the pause it asks for. */
static int
worker_tick(void)
{
	volatile int pause = 0;
	volatile bool ok = false;

	Assert(CurrentMemoryContext == worker_tick_context);
	PG_TRY();
	{
		pause = worker_self->tick();
		ok = true;
	}
	PG_CATCH();
	{
		ErrorData *edata;

		MemoryContextSwitchTo(worker_tick_context);
		edata = CopyErrorData();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		MemoryContextSwitchTo(worker_tick_context);
		pgstat_report_activity(STATE_IDLE, NULL);
		if (worker_self->reset != NULL)
			worker_self->reset();
		pause = worker_failed(edata);
	}
	PG_END_TRY();
	if (ok)
		worker_recovered();
	MemoryContextSwitchTo(worker_tick_context);
	MemoryContextReset(worker_tick_context);
	return pause;
}

/* Sleeps until the pause is over or the latch is set, waking often enough to leave in time.
 * No transaction may be open. */
void
usdtpay_worker_pause(int pause)
{
	TimestampTz until = TimestampTzPlusMilliseconds(usdtpay_worker_clock(), pause);

	for (;;)
	{
		long left = TimestampDifferenceMilliseconds(usdtpay_worker_clock(), until);
		int events;

		if (left <= 0)
			return;
		events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						   Min(left, WORKER_LEAVE_CHECK_MS), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		usdtpay_worker_interrupts();
		if (events & WL_LATCH_SET)
			return;
	}
}

/* Connects to the database the process was started for and pins the search path. */
static void
worker_connect(void)
{
	char title[128];

	memcpy(&worker_home, MyBgworkerEntry->bgw_extra, sizeof(worker_home));
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(worker_home.database, InvalidOid, 0);
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_OVERRIDE);
	snprintf(title, sizeof(title), "usdtpay %s%s%s", worker_self->name,
			 worker_home.label[0] ? " " : "", worker_home.label);
	pgstat_report_appname(title);
}

/* Runs a worker for ever. */
void
usdtpay_worker_main(const UsdtpayWorker *worker)
{
	worker_self = worker;
	worker_connect();
	worker_tick_context =
		AllocSetContextCreate(TopMemoryContext, "usdtpay tick", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(worker_tick_context);
	if (worker->start != NULL)
		worker->start();
	for (;;)
	{
		int pause;

		usdtpay_worker_interrupts();
		pause = worker_tick();
		if (pause == USDTPAY_WORKER_DONE ||
			(worker_gate == WORKER_GATE_ABSENT && !worker->resident))
			proc_exit(0);
		usdtpay_worker_pause(worker_gate == WORKER_GATE_OPEN ? pause : WORKER_GATE_PAUSE_MS);
	}
}

/* Fills a registration.  entry is the name of an exported function of this library. */
void
usdtpay_worker_fill(BackgroundWorker *bgw, const char *name, const char *entry,
					const UsdtpayWorkerPlace *place)
{
	memset(bgw, 0, sizeof(*bgw));
	bgw->bgw_flags =
		BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION | BGWORKER_INTERRUPTIBLE;
	bgw->bgw_start_time = BgWorkerStart_RecoveryFinished;
	bgw->bgw_restart_time = BGW_NEVER_RESTART;
	snprintf(bgw->bgw_library_name, BGW_MAXLEN, "usdtpay");
	snprintf(bgw->bgw_function_name, BGW_MAXLEN, "%s", entry);
	snprintf(bgw->bgw_type, BGW_MAXLEN, "usdtpay %s", name);
	snprintf(bgw->bgw_name, BGW_MAXLEN, "usdtpay %s%s%.64s", name,
			 place != NULL && place->label[0] ? " " : "", place != NULL ? place->label : "");
	StaticAssertStmt(sizeof(*place) <= BGW_EXTRALEN, "place must fit bgw_extra");
	if (place != NULL)
		memcpy(bgw->bgw_extra, place, sizeof(*place));
}
