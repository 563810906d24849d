/* SPDX-License-Identifier: PostgreSQL
 *
 * ledger.h: the posting engine.
 *
 * A batch is a list of lines (one posting each) grouped into journals.  Two lanes execute it under
 * one row-lock protocol: accounts in account_id order, tuple-level locks of strength NO KEY UPDATE.
 *
 *   direct (engine.c)  reads and writes the heap itself; only READ COMMITTED, only plain tables
 *   plain  (plain.c)   calls the plpgsql twin; the fallback and the oracle of the tests
 *
 * Invariants: a transaction has its xid before it draws a journal number (the sealing horizon
 * stands on it); numbers are drawn after the accounts are locked or read at a snapshot whose
 * staleness the update detects, so the postings of one account carry rising numbers; a key is
 * looked up at a snapshot no older than the account rows, so two callers with one key and body
 * cannot both post.
 */
#ifndef USDTPAY_LEDGER_H
#define USDTPAY_LEDGER_H

#include "access/genam.h"
#include "access/skey.h"
#include "access/tableam.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"
#include "utils/snapshot.h"
#include "utils/timestamp.h"

#define LEDGER_MAX_LINES     65536 /* lines of one call */
#define LEDGER_JOURNAL_LINES 256   /* lines of one journal: posting_id = journal * 256 + line */
#define LEDGER_MAX_KEY       255   /* octets of an idempotency key */
#define LEDGER_MAX_REFERENCE 1000  /* octets of a reference */

#define LEDGER_PHASE_POST    'p'
#define LEDGER_PHASE_HOLD    'h'
#define LEDGER_PHASE_CAPTURE 'c'
#define LEDGER_PHASE_RELEASE 'r'
#define LEDGER_PHASE_EXPIRE  'x'

#define LEDGER_FLAG_DEBITS_LIMITED  1 /* debits + debits_held <= credits */
#define LEDGER_FLAG_CREDITS_LIMITED 2 /* credits + credits_held <= debits */
#define LEDGER_FLAG_CLOSED          4

/* What became of a journal; ledger_status_names spells them. */
typedef enum LedgerStatus
{
	LEDGER_CREATED,
	LEDGER_EXISTS,
	LEDGER_LIMIT,
	LEDGER_CLOSED,
	LEDGER_UNKNOWN_ACCOUNT,
	LEDGER_MISMATCH,
	LEDGER_ASSET,
	LEDGER_HOLD,
} LedgerStatus;

extern const char *const ledger_status_names[];

/* One posting.  The caller fills the first block; a line that resolves a hold leaves debit and
 * credit 0 (they are the hold's) and may leave amount 0 for all of it. */
typedef struct LedgerLine
{
	int64 party;
	int64 debit;
	int64 credit;
	int64 amount;
	int64 hold; /* posting id of the hold, for capture, release and expiry */
	text *key;
	text *reference;     /* or NULL */
	TimestampTz expires; /* of a hold; DT_NOEND for never */
	Oid kind;
	char phase;

	/* the engine's */
	int debit_index; /* into accounts */
	int credit_index;
	int64 hold_amount; /* 0 when the hold does not exist */
	int64 debit_after;
	int64 credit_after;
	int64 debit_prev;
	int64 credit_prev;
} LedgerLine;

typedef struct LedgerJournal
{
	int first; /* index of its first line */
	int lines;
	int64 id; /* journal number; 0 when none was made or found */
	LedgerStatus status;

	/* the engine's */
	LedgerStatus taken; /* what the key stood for before this call: created means nothing */
	int earlier;        /* index of the journal before this one with the same key, or -1 */
	int item;           /* index of its first line among the postings to write */
} LedgerJournal;

typedef struct LedgerTotals
{
	int64 debits;
	int64 credits;
	int64 debits_held;
	int64 credits_held;
	int64 last_posting;
	int64 version;
} LedgerTotals;

typedef struct LedgerAccount
{
	int64 party;
	int64 id;
	ItemPointerData tid; /* newest version we know */
	int32 asset;
	int32 flags;
	bool found;
	bool owned; /* locked or updated by us: nobody else can change it */
	LedgerTotals base;
	LedgerTotals now;
} LedgerAccount;

/* A table opened for reading and writing through its indexes. */
typedef struct LedgerTable
{
	Relation rel;
	ResultRelInfo *result;
	Relation primary; /* the primary key's index, one of result's */
} LedgerTable;

/* A repeated lookup in one of the two-column indexes (party, value). */
typedef struct LedgerProbe
{
	IndexScanDesc scan;
	ScanKeyData keys[2];
} LedgerProbe;

typedef struct LedgerBatch
{
	LedgerLine *lines;
	int nlines;
	LedgerJournal *journals;
	int njournals;
	bool strict; /* a refusal is an error, not a status */
	bool own;    /* the platform's journals: it may use the reserved keys */

	/* the engine's */
	LedgerAccount *accounts;
	int naccounts;
	int *key_order; /* journals by party and key */
	bool guess;     /* keys are held for new without looking */
	EState *estate;
	LedgerTable account;
	LedgerTable posting;
	LedgerTable hold; /* opened only when a line makes or resolves a hold */
	Relation key_index;
	Relation hold_index;
	Oid sequence;
	Snapshot snapshot; /* registered; no older than the account rows read */
} LedgerBatch;

/* batch.c */
extern void ledger_batch_group(LedgerBatch *batch);
extern void ledger_batch_post(LedgerBatch *batch);
extern bool ledger_batch_has_phase(const LedgerBatch *batch, const char *phases);
extern bool ledger_same_journal(const LedgerLine *a, const LedgerLine *b);
extern int ledger_key_compare(const LedgerLine *a, const LedgerLine *b);

/* tables.c */
extern bool ledger_tables_open(LedgerBatch *batch);
extern void ledger_tables_close(LedgerBatch *batch);
extern Oid ledger_table_oid(const char *schema, const char *name);

/* engine.c */
extern void ledger_engine_run(LedgerBatch *batch);
extern void ledger_snapshot_renew(LedgerBatch *batch);

/* accounts.c */
extern void ledger_accounts_collect(LedgerBatch *batch);
extern void ledger_accounts_read(LedgerBatch *batch);
extern void ledger_accounts_lock(LedgerBatch *batch);
extern bool ledger_accounts_store(LedgerBatch *batch);

/* rules.c */
extern void ledger_rules_apply(LedgerBatch *batch);

/* journals.c */
extern LedgerProbe ledger_probe_begin(const LedgerBatch *batch, const LedgerTable *table,
									  Relation index);
extern bool ledger_probe(LedgerProbe *probe, int64 party, Datum value, TupleTableSlot *slot);
extern bool ledger_probe_once(const LedgerBatch *batch, const LedgerTable *table, Relation index,
							  int64 party, Datum value, TupleTableSlot *slot);
extern void ledger_journals_find(LedgerBatch *batch);
extern bool ledger_journal_taken(LedgerBatch *batch, const LedgerJournal *journal);
extern void ledger_holds_load(LedgerBatch *batch);
extern bool ledger_hold_resolved(LedgerBatch *batch, const LedgerLine *line);

/* write.c */
extern void ledger_journals_write(LedgerBatch *batch);

/* refuse.c */
extern LedgerStatus ledger_refuse_limit(const LedgerBatch *batch, const LedgerAccount *account,
										const LedgerLine *line);
extern LedgerStatus ledger_refuse_closed(const LedgerBatch *batch, const LedgerAccount *account);
extern LedgerStatus ledger_refuse_account(const LedgerBatch *batch, int64 party, int64 account);
extern LedgerStatus ledger_refuse_asset(const LedgerBatch *batch, const LedgerLine *line);
extern LedgerStatus ledger_refuse_key(const LedgerBatch *batch, const LedgerLine *line);
extern LedgerStatus ledger_refuse_hold(const LedgerBatch *batch, const LedgerLine *line,
									   const char *why);

/* plain.c */
typedef struct LedgerOwner
{
	Oid user;
	int context;
} LedgerOwner;

extern LedgerOwner ledger_owner_enter(void);
extern void ledger_owner_leave(LedgerOwner before);
extern void ledger_plain_run(LedgerBatch *batch);

#endif
