/* SPDX-License-Identifier: PostgreSQL
 *
 * worker.h: the one loop every background worker runs in.  README.md draws it.
 *
 * A worker is a constant struct and an entry function that passes it to usdtpay_worker_main().
 * Its tick works like this, as often as it likes:
 *
 *     if (!usdtpay_worker_begin())       -- claim: a short transaction with SPI connected
 *         return 1000;
 *     … SPI …
 *     usdtpay_worker_commit();
 *     … network, with no transaction, snapshot or lock …
 *     if (!usdtpay_worker_begin())       -- record
 *         return 1000;
 *     … SPI …
 *     usdtpay_worker_commit();
 */
#ifndef USDTPAY_WORKER_H
#define USDTPAY_WORKER_H

#include "compat.h"
#include "datatype/timestamp.h"
#include "postmaster/bgworker.h"
#include "utils/palloc.h"

/* Every worker runs its SQL as this role, made by usdtpay.roles_setup(). */
#define USDTPAY_WORKER_ROLE "usdtpay_worker"

/* A tick returns this to end the process for good. */
#define USDTPAY_WORKER_DONE (-1)

typedef struct UsdtpayWorker
{
	const char *name;    /* "scanner": pg_stat_activity, logs */
	void (*start)(void); /* once, outside any transaction, before the first tick; may be NULL */
	int (*tick)(void);   /* outside any transaction; returns milliseconds until the next one */
	void (*reset)(void); /* after a tick that failed: drop what it left (HTTP calls); may be NULL */
	bool resident;       /* stays, idle, while the extension is absent; others end */
} UsdtpayWorker;

/* Where a worker belongs; travels in bgw_extra. */
typedef struct UsdtpayWorkerPlace
{
	Oid database;
	int32 argument; /* scanner: network id */
	char label[64]; /* scanner: network code */
} UsdtpayWorkerPlace;

pg_noreturn extern void usdtpay_worker_main(const UsdtpayWorker *worker);
extern const UsdtpayWorkerPlace *usdtpay_worker_place(void);
extern MemoryContext usdtpay_worker_context(void);
extern TimestampTz usdtpay_worker_clock(void);
extern bool usdtpay_worker_begin(void);
extern void usdtpay_worker_commit(void);
extern void usdtpay_worker_interrupts(void);
extern void usdtpay_worker_pause(int pause);
extern void usdtpay_worker_fill(BackgroundWorker *bgw, const char *name, const char *entry,
								const UsdtpayWorkerPlace *place);

extern void usdtpay_launcher_init(void);

extern PGDLLEXPORT void usdtpay_launcher_main(Datum arg);
extern PGDLLEXPORT void usdtpay_courier_main(Datum arg);
extern PGDLLEXPORT void usdtpay_keeper_main(Datum arg);
extern PGDLLEXPORT void usdtpay_scanner_main(Datum arg);

#endif
