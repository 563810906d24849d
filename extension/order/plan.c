/* SPDX-License-Identifier: PostgreSQL
 *
 * plan.c: statements prepared once per backend and kept.
 */
#include "postgres.h"

#include "order/order.h"

void
usdtpay_plan_run(OrderPlan *plan, Datum *args, const char *nulls)
{
	int status;

	if (plan->plan == NULL)
	{
		SPIPlanPtr fresh = SPI_prepare(plan->sql, plan->nargs, plan->types);

		if (fresh == NULL || SPI_keepplan(fresh) != 0)
			elog(ERROR, "could not prepare \"%s\"", plan->sql);
		plan->plan = fresh;
	}
	status = SPI_execute_plan(plan->plan, args, nulls, false, 0);
	if (status < 0)
		elog(ERROR, "could not run \"%s\": %s", plan->sql, SPI_result_code_string(status));
}

Datum
usdtpay_plan_value(int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, isnull);
}

int64
usdtpay_plan_int8(OrderPlan *plan, Datum *args, const char *nulls)
{
	bool isnull;
	Datum value;

	SPI_connect();
	usdtpay_plan_run(plan, args, nulls);
	value = usdtpay_plan_value(1, &isnull);
	SPI_finish();
	return isnull ? 0 : DatumGetInt64(value);
}
