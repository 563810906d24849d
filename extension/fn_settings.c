/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_settings.c: cache invalidation for the few tables every call asks: party_login, merchant,
 * wallet, network.  A statement trigger on each sends a relcache invalidation of usdtpay.merchant;
 * caches compare generations.  The trigger writes nothing.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "errors.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(usdtpay_settings_changed);

static uint64 settings_generation = 1;
static bool settings_registered = false;
static Oid settings_relid = InvalidOid; /* usdtpay.merchant */

/* The relation that stands for the settings changed, or any may have. */
static void
settings_relation_callback(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == settings_relid)
		settings_generation++;
}

/* A role was renamed or dropped: logins are bound by name. */
static void
settings_role_callback(Datum arg, int cacheid, uint32 hashvalue)
{
	settings_generation++;
}

/* Returns the oid of the relation whose invalidation stands for "settings changed". */
static Oid
settings_relation(void)
{
	return get_relname_relid("merchant", get_namespace_oid("usdtpay", false));
}

uint64
usdtpay_settings_generation(void)
{
	Oid relid = settings_relation();

	if (!settings_registered)
	{
		CacheRegisterRelcacheCallback(settings_relation_callback, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHOID, settings_role_callback, (Datum) 0);
		settings_registered = true;
	}
	if (settings_relid != relid) /* first use, or the extension was dropped and made again */
	{
		settings_relid = relid;
		settings_generation++;
	}
	return settings_generation;
}

/* settings_changed(): statement trigger; tells every backend at commit. */
Datum
usdtpay_settings_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("settings_changed can only be called as a trigger")));
	CacheInvalidateRelcacheByRelid(settings_relation());
	return PointerGetDatum(NULL);
}
