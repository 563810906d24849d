/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_session.c: who is asking.  The outer role is what SET ROLE chose, else the login; it shines
 * through SECURITY DEFINER functions and cannot be forged by a setting, which is why these are C.
 * While a merchant's hook runs inside a worker, that merchant's role takes the worker's place; a
 * setting that nobody can set carries it, for that is what parallel workers get to know.
 * Reads usdtpay.party_login.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "errors.h"
#include "session.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(usdtpay_session_party);
PG_FUNCTION_INFO_V1(usdtpay_visible_from);
PG_FUNCTION_INFO_V1(usdtpay_visible_to);
PG_FUNCTION_INFO_V1(usdtpay_session_has_role);
PG_FUNCTION_INFO_V1(usdtpay_session_role);
PG_FUNCTION_INFO_V1(usdtpay_append_only);

#define SESSION_SETTING "usdtpay.hook_role"

static char *session_hook_role = NULL; /* the setting: a role's oid in digits, or empty */
static bool session_assuming = false;  /* whether usdtpay_session_assume is at work */

/* The role everything is judged by. */
Oid
usdtpay_session_outer(void)
{
	if (session_hook_role != NULL && session_hook_role[0] != '\0')
		return (Oid) strtoul(session_hook_role, NULL, 10);
	return GetOuterUserId();
}

/* Refuses every change of the setting but our own and a parallel worker's copy of its leader's. */
static bool
session_hook_role_check(char **newval, void **extra, GucSource source)
{
	if (*newval == NULL || (*newval)[0] == '\0' || session_assuming || InitializingParallelWorker)
		return true;
	GUC_check_errdetail("It is not for people: it says whose on_paid function is running.");
	return false;
}

void
usdtpay_session_init(void)
{
	DefineCustomStringVariable(SESSION_SETTING, "Role of the on_paid function that is running.",
							   NULL, &session_hook_role, "", PGC_SUSET,
							   GUC_NO_SHOW_ALL | GUC_NO_RESET_ALL | GUC_NOT_IN_SAMPLE |
								   GUC_DISALLOW_IN_FILE,
							   session_hook_role_check, NULL, NULL);
}

void
usdtpay_session_assume(Oid roleid)
{
	char digits[12];

	snprintf(digits, sizeof(digits), "%u", roleid);
	session_assuming = true;
	PG_TRY();
	{
		(void) set_config_option(SESSION_SETTING, digits, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
	}
	PG_FINALLY();
	{
		session_assuming = false;
	}
	PG_END_TRY();
}

/* Roles that read every party's rows. */
static const char *const session_readers[] = {"usdtpay_operator", "usdtpay_analyst",
											  "usdtpay_compliance", "usdtpay_worker"};

/* Tells whether the outer role is a superuser or a member of the named role. */
static bool
session_is_member(const char *role)
{
	Oid roleid = get_role_oid(role, true);
	Oid outer = usdtpay_session_outer();

	if (superuser_arg(outer))
		return true;
	return OidIsValid(roleid) && is_member_of_role(outer, roleid);
}

/* Tells whether the outer role may read all parties. */
static bool
session_reads_all(void)
{
	size_t i;

	for (i = 0; i < lengthof(session_readers); i++)
		if (session_is_member(session_readers[i]))
			return true;
	return false;
}

/* Reads the party of a role from party_login.  Returns: the party, or -1 when bound to none.
 * The SQL functions are SECURITY DEFINER, so callers need no right on party_login. */
static int64
session_party_read(Oid roleid)
{
	static SPIPlanPtr plan = NULL;
	Datum args[1];
	char *role = GetUserNameFromId(roleid, false);
	int64 party = -1;
	bool isnull;

	/* Never by an old snapshot: what is remembered outlives this transaction. */
	PushActiveSnapshot(GetNonHistoricCatalogSnapshot(
		get_relname_relid("party_login", get_namespace_oid("usdtpay", false))));
	SPI_connect();
	if (plan == NULL)
	{
		Oid types[1] = {NAMEOID};

		plan = SPI_prepare("SELECT party_id FROM usdtpay.party_login "
						   "WHERE role_name OPERATOR(pg_catalog.=) $1",
						   1, types);
		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare the party lookup");
	}
	args[0] = DirectFunctionCall1(namein, CStringGetDatum(role));
	if (SPI_execute_plan(plan, args, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look up the party of role \"%s\"", role);
	if (SPI_processed > 0)
		party =
			DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	PopActiveSnapshot();
	return party;
}

/* Looks the outer role's party up, remembering the last answer until settings change.
 * Returns: the party, or -1 when bound to none. */
int64
usdtpay_session_party_id(void)
{
	static uint64 known_generation = 0;
	static Oid known_role = InvalidOid;
	static int64 known_party = -1;
	uint64 generation = usdtpay_settings_generation();
	Oid role = usdtpay_session_outer();

	if (known_generation != generation || known_role != role)
	{
		known_generation = 0;
		known_party = session_party_read(role);
		known_role = role;
		known_generation = generation;
	}
	return known_party;
}

/* session_party() → bigint, NULL when the outer role is bound to no party. */
Datum
usdtpay_session_party(PG_FUNCTION_ARGS)
{
	int64 party = usdtpay_session_party_id();

	if (party < 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(party);
}

/* visible_from() → lowest readable party; 1 above visible_to() when nothing is readable. */
Datum
usdtpay_visible_from(PG_FUNCTION_ARGS)
{
	int64 party;

	if (session_reads_all())
		PG_RETURN_INT64(0);
	party = usdtpay_session_party_id();
	PG_RETURN_INT64(party < 0 ? PG_INT64_MAX : party);
}

/* visible_to() → highest readable party. */
Datum
usdtpay_visible_to(PG_FUNCTION_ARGS)
{
	if (session_reads_all())
		PG_RETURN_INT64(PG_INT64_MAX);
	PG_RETURN_INT64(usdtpay_session_party_id());
}

/* session_has_role(role) → boolean. */
Datum
usdtpay_session_has_role(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(session_is_member(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}

/* session_role() → name of the outer role. */
Datum
usdtpay_session_role(PG_FUNCTION_ARGS)
{
	Name name = palloc0(NAMEDATALEN);

	namestrcpy(name, GetUserNameFromId(usdtpay_session_outer(), false));
	PG_RETURN_NAME(name);
}

/* append_only(): refuses the statement that fired it. */
Datum
usdtpay_append_only(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("append_only can only be called as a trigger")));
	ereport(ERROR, (errcode(ERRCODE_UP_APPEND_ONLY), errmsg("history cannot be changed"),
					errdetail("Table \"%s\" is append-only.",
							  RelationGetRelationName(trigger->tg_relation)),
					errhint("Post a correcting journal instead.")));
}
