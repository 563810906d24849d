/* SPDX-License-Identifier: PostgreSQL
 *
 * wake.c: waking a worker of the same database when a transaction commits.
 *
 * Shared memory holds process ids only, no latch and no pointer: a stale one costs somebody a
 * spurious wake-up and nothing else.  However often a transaction asks, the worker is woken once,
 * after the commit.  Without preloading there is no worker and asking does nothing; a wake-up that
 * gets lost (two-phase commit, a full table) is made up for by the worker's own polling.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "wake.h"

#define WAKE_SLOTS 64

/* Who to wake in which database; pid 0: free. */
typedef struct WakeSlot
{
	Oid database;
	int who;
	pid_t pid;
} WakeSlot;

typedef struct WakeTable
{
	slock_t lock;
	WakeSlot slot[WAKE_SLOTS];
} WakeTable;

static WakeTable *wake_table = NULL;
static shmem_request_hook_type wake_previous_request = NULL;
static shmem_startup_hook_type wake_previous_startup = NULL;
static uint32 wake_asked = 0;

/* Asks for shared memory. */
static void
wake_request(void)
{
	if (wake_previous_request != NULL)
		wake_previous_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(WakeTable)));
}

/* Attaches to shared memory; the first process clears it. */
static void
wake_startup(void)
{
	bool found;

	if (wake_previous_startup != NULL)
		wake_previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	wake_table = ShmemInitStruct("usdtpay wake", sizeof(WakeTable), &found);
	if (!found)
	{
		memset(wake_table, 0, sizeof(*wake_table));
		SpinLockInit(&wake_table->lock);
	}
	LWLockRelease(AddinShmemInitLock);
}

/* Finds the process to wake.  Returns: 0 when there is none. */
static pid_t
wake_find(UsdtpayWake who)
{
	pid_t pid = 0;
	int i;

	SpinLockAcquire(&wake_table->lock);
	for (i = 0; i < WAKE_SLOTS; i++)
	{
		WakeSlot *slot = &wake_table->slot[i];

		if (slot->pid != 0 && slot->database == MyDatabaseId && slot->who == (int) who)
			pid = slot->pid;
	}
	SpinLockRelease(&wake_table->lock);
	return pid;
}

/* Sets the latches asked for once the transaction is in; forgets them when it is not. */
static void
wake_on_xact(XactEvent event, void *arg)
{
	uint32 asked = wake_asked;
	int who;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	wake_asked = 0;
	if (event != XACT_EVENT_COMMIT || asked == 0)
		return;
	for (who = 0; who < USDTPAY_WAKE_COUNT; who++)
	{
		pid_t pid = asked & (1U << who) ? wake_find((UsdtpayWake) who) : 0;
		PGPROC *proc = pid != 0 ? BackendPidGetProc(pid) : NULL;

		if (proc != NULL)
			SetLatch(&proc->procLatch);
	}
}

/* Wakes the worker if and when this transaction commits. */
void
usdtpay_wake_at_commit(UsdtpayWake who)
{
	static bool registered = false;

	if (wake_table == NULL)
		return;
	if (!registered)
		RegisterXactCallback(wake_on_xact, NULL);
	registered = true;
	wake_asked |= 1U << who;
}

/* Clears the slots of this process. */
static void
wake_withdraw(int code, Datum arg)
{
	int i;

	SpinLockAcquire(&wake_table->lock);
	for (i = 0; i < WAKE_SLOTS; i++)
		if (wake_table->slot[i].pid == MyProcPid)
			wake_table->slot[i].pid = 0;
	SpinLockRelease(&wake_table->lock);
}

/* Makes the calling worker the one that is woken in this database, until it ends. */
void
usdtpay_wake_publish(UsdtpayWake who)
{
	int i;

	if (wake_table == NULL)
		return;
	before_shmem_exit(wake_withdraw, (Datum) 0);
	SpinLockAcquire(&wake_table->lock);
	for (i = 0; i < WAKE_SLOTS && wake_table->slot[i].pid != 0; i++)
		;
	if (i < WAKE_SLOTS)
	{
		wake_table->slot[i].database = MyDatabaseId;
		wake_table->slot[i].who = (int) who;
		wake_table->slot[i].pid = MyProcPid;
	}
	SpinLockRelease(&wake_table->lock);
}

/* Reserves shared memory; only while the server preloads the library. */
void
usdtpay_wake_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	wake_previous_request = shmem_request_hook;
	shmem_request_hook = wake_request;
	wake_previous_startup = shmem_startup_hook;
	shmem_startup_hook = wake_startup;
}
