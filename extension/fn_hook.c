/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_hook.c: runs a merchant's on_paid function inside the settling transaction.  The function is
 * foreign code: it runs as the merchant's role, in a subtransaction, under a time limit, and
 * whatever goes wrong comes back as data.  Settlement never depends on it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/resowner.h"
#include "utils/timeout.h"

#include "compat.h"
#include "errors.h"
#include "guc.h"
#include "session.h"

PG_FUNCTION_INFO_V1(usdtpay_hook_call);

static TimeoutId hook_timer = MAX_TIMEOUTS; /* ours, once a hook has run */
static bool hook_timed_out;                 /* whether it ended the last hook */

/* Finds the function, checks the role's right on it and calls it.  Raises on any fault. */
static void
hook_invoke(const char *function, Oid roleid, int64 order)
{
	Oid argtypes[1] = {INT8OID};
	Oid funcid = LookupFuncName(up_name_list(function), 1, argtypes, false);
	FmgrInfo flinfo;
	LOCAL_FCINFO(fcinfo, 1);

	if (up_function_aclcheck(funcid, roleid, ACL_EXECUTE) != ACLCHECK_OK)
		ereport(ERROR, (errcode(ERRCODE_UP_FORBIDDEN), errmsg("the hook's role may not execute it"),
						errdetail("Function is %s.", function),
						errhint("Grant EXECUTE on it to the role that set it.")));
	fmgr_info(funcid, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = Int64GetDatum(order);
	fcinfo->args[0].isnull = false;
	(void) FunctionCallInvoke(fcinfo);
}

/* Cancels the hook that runs too long; a signal handler. */
static void
hook_timeout_fired(void)
{
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

/* Starts the hook's own timer: a statement timeout may be off, or far away.
 * Returns: whether there is one to stop; a hook within a hook runs on the outer one's time. */
static bool
hook_timer_start(void)
{
	if (hook_timer == MAX_TIMEOUTS)
		hook_timer = RegisterTimeout(USER_TIMEOUT, hook_timeout_fired);
	if (usdtpay_hook_timeout <= 0 || get_timeout_active(hook_timer))
		return false;
	enable_timeout_after(hook_timer, usdtpay_hook_timeout);
	return true;
}

/* Stops the timer.  One that fires as the hook returns must not cancel the settlement. */
static void
hook_timer_stop(void)
{
	hook_timed_out = get_timeout_indicator(hook_timer, true);
	disable_timeout(hook_timer, false);
	if (hook_timed_out)
		QueryCancelPending = false;
}

/* Runs hook_invoke as the role under the time limit; the caller owns the subtransaction.  What the
 * hook SETs ends with it: it runs in the session of somebody with more rights. */
static void
hook_run(const char *function, const char *role, int64 order)
{
	Oid roleid = get_role_oid(role, false);
	Oid saved_userid;
	int saved_context;
	int nestlevel;
	volatile bool timer = false;

	GetUserIdAndSecContext(&saved_userid, &saved_context);
	SetUserIdAndSecContext(roleid, saved_context | SECURITY_LOCAL_USERID_CHANGE |
									   SECURITY_RESTRICTED_OPERATION);
	nestlevel = NewGUCNestLevel();
	PG_TRY();
	{
		usdtpay_session_assume(roleid); /* else row-level security would judge the worker */
		timer = hook_timer_start();
		hook_invoke(function, roleid, order);
	}
	PG_FINALLY();
	{
		if (timer)
			hook_timer_stop();
	}
	PG_END_TRY();
	AtEOXact_GUC(false, nestlevel);
	SetUserIdAndSecContext(saved_userid, saved_context);
}

/* Fills values with the SQLSTATE and message of the error being handled. */
static void
hook_report(Datum *values, bool *nulls, MemoryContext context)
{
	ErrorData *edata;

	MemoryContextSwitchTo(context);
	edata = CopyErrorData();
	FlushErrorState();
	values[0] = CStringGetTextDatum(unpack_sql_state(edata->sqlerrcode));
	values[1] = CStringGetTextDatum(hook_timed_out ? "the hook ran longer than usdtpay.hook_timeout"
									: edata->message ? edata->message
													 : "");
	nulls[0] = nulls[1] = false;
	FreeErrorData(edata);
}

/* hook_call(function, role, order) → (sqlstate, error), both NULL on success.
 * Only shutdown of the session itself goes through; everything else becomes data. */
Datum
usdtpay_hook_call(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	TupleDesc desc;
	Datum values[2] = {0, 0};
	bool nulls[2] = {true, true};
	char *function;
	char *role;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("hook_call takes no nulls"),
						errhint("Give function, role and order.")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	function = text_to_cstring(PG_GETARG_TEXT_PP(0));
	role = NameStr(*PG_GETARG_NAME(1));

	hook_timed_out = false;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		hook_run(function, role, PG_GETARG_INT64(2));
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		hook_report(values, nulls, context);
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();
	/* A hook's session-level advisory locks would stay with a worker for ever, which has none. */
	if (MyBgworkerEntry != NULL)
		LockReleaseSession(USER_LOCKMETHOD);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
