/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner.h: the state of one network's scanner, shared by its parts: scanner.c (the tick),
 * scanner_config.c and scanner_db.c (its SQL), scanner_start.c (the first block), scanner_check.c
 * (start checks), scanner_poll.c (heads), scanner_trust.c (whose word counts), scanner_look.c (one
 * look at some blocks), scanner_tip.c, scanner_final.c and scanner_rescan.c (what is looked at),
 * scanner_reorg.c, scanner_proof.c (disputes that receipts settle) and a family (scanner_evm.c with
 * scanner_receipts.c, scanner_tron.c) that knows the protocol.
 */
#ifndef USDTPAY_SCANNER_H
#define USDTPAY_SCANNER_H

#include "lib/stringinfo.h"

#include "head.h"
#include "http.h"
#include "provider.h"
#include "rpc.h"

#define SCANNER_PROVIDERS   32
#define SCANNER_SUSPECTS    64
#define SCANNER_FINAL_SPAN  500  /* blocks of a second look */
#define SCANNER_SPAN_MAX    1000 /* blocks of any look */
#define SCANNER_CONTRADICTS "it lacks or contradicts what another node said"

typedef struct Scanner Scanner;

/* A contract to watch. */
typedef struct ScannerToken
{
	int32 id;
	uint8 contract[20];
	int decimals;
	bool pinned;
	uint8 code_hash[32];
} ScannerToken;

/* A block as far as linking needs it. */
typedef struct ScannerBlock
{
	int64 number;
	uint8 hash[32];
	uint8 parent[32];
	int64 time; /* milliseconds since 1970 */
} ScannerBlock;

/* What a fetch brings for chain_ingest: two texts in the making, each with room for a varlena
 * header in front (scanner_text_begin). */
typedef struct ScannerSpan
{
	int64 from;
	int64 to;
	StringInfoData headers;
	StringInfoData logs;
	int64 log_count;
	bool by_logs;      /* TRON: the logs are eth_getLogs's, not infos */
	TimestampTz until; /* no further piece is asked for after it */
} ScannerSpan;

typedef enum ScannerLook
{
	SCANNER_LOOK_TIP,    /* headers and logs of every block */
	SCANNER_LOOK_FINAL,  /* the last header, logs of every block */
	SCANNER_LOOK_PEEK,   /* like TIP, of old blocks; changes nothing */
	SCANNER_LOOK_RESCAN, /* like PEEK, and takes what is missing */
	SCANNER_LOOK_PROOF   /* headers and receipts of every block above final */
} ScannerLook;

/* What chain_ingest said. */
typedef enum ScannerVerdict
{
	SCANNER_INGESTED, /* ok or known */
	SCANNER_MORE,     /* it told of more than we held: another node must confirm */
	SCANNER_AMENDED,  /* proven; what we held differed and was put right */
	SCANNER_REORG,
	SCANNER_DISAGREE,
	SCANNER_FAULT,      /* UP400, UP401: the answer is bad */
	SCANNER_INCOMPLETE, /* UP404: blooms promise more */
	SCANNER_HALTED,
	SCANNER_RACE, /* somebody else moved the cursor */
	SCANNER_SHUT  /* the gate closed meanwhile */
} ScannerVerdict;

typedef struct ScannerIngest
{
	ScannerVerdict verdict;
	int deposits;
	bool agreed;       /* a peek that tells what another one told; its news were taken in */
	char message[160]; /* of a fault; of a peek that found news, their digest */
	int64 suspects[SCANNER_SUSPECTS];
	int suspect_count;
} ScannerIngest;

/* What looks at the same old blocks told: a digest of what we miss each, empty for nothing. */
typedef struct ScannerNews
{
	int count;
	char digest[SCANNER_PROVIDERS][160];
} ScannerNews;

/* What a node told of a token, as it wrote it: hexadecimal digits without 0x, empty for nothing. */
typedef struct ScannerTokenAnswer
{
	UsdtpaySlice decimals; /* the word decimals() returned */
	UsdtpaySlice code;
} ScannerTokenAnswer;

/* A protocol.  All of these run outside any transaction; fetches return OK or why not. */
typedef struct ScannerFamily
{
	/* Asks a question that shows the node is alive; its answer starts the checks. */
	UsdtpayRpc *(*ask_identity)(Scanner *s, UsdtpayProvider *p);
	/* Reads the chain id out of that answer.  False: it makes no sense. */
	bool (*read_chain_id)(UsdtpaySlice answer, uint64 *out);
	/* Asks what stands at every token's address.  Out: answers, valid until batch is dropped. */
	UsdtpayRpcVerdict (*ask_tokens)(Scanner *s, UsdtpayProvider *p, ScannerTokenAnswer *answers,
									UsdtpayRpcBatch **batch);
	UsdtpayRpc *(*ask_head)(Scanner *s, UsdtpayProvider *p, bool with_final);
	/* Takes head and final into the provider.  False: the answer makes no sense. */
	bool (*read_head)(Scanner *s, UsdtpayProvider *p, UsdtpayRpc *rpc);
	UsdtpayRpcVerdict (*fetch)(Scanner *s, UsdtpayProvider *p, ScannerLook look, ScannerSpan *span);
	/* Reads a block by hash, or by number where hash is NULL. */
	UsdtpayRpcVerdict (*block)(Scanner *s, UsdtpayProvider *p, int64 number, const uint8 *hash,
							   ScannerBlock *out);
	/* Asks whether a block of the span has logs of ours; NULL where there are no blooms.  Out:
	 * proven, when the block's header says so too. */
	UsdtpayRpcVerdict (*has_logs)(Scanner *s, UsdtpayProvider *p, const ScannerSpan *span,
								  int64 number, bool *out, bool *proven);
	/* Fetches the headers of a span.  Out: a digest of what receipts are proven against: hashes,
	 * receipts roots, transactions.  NULL where logs cannot be proven. */
	UsdtpayRpcVerdict (*claim)(Scanner *s, UsdtpayProvider *p, ScannerSpan *span, uint8 *digest);
	/* Fetches the receipts of a span's blocks into its logs. */
	UsdtpayRpcVerdict (*receipts)(Scanner *s, UsdtpayProvider *p, ScannerSpan *span);
} ScannerFamily;

struct Scanner
{
	/* configuration, in config_context */
	MemoryContext config_context;
	char *fingerprint;
	int32 network_id;
	char *code;
	const ScannerFamily *family;
	int64 chain_id;
	int block_ms;
	int poll_ms;
	bool final_tag;
	int final_depth;
	int64 start_block; /* -1: the head when it was enabled */
	TimestampTz enabled_at;
	int64 checkpoint; /* -1: none */
	uint8 checkpoint_hash[32];
	ScannerToken *tokens;
	int token_count;
	UsdtpayProvider providers[SCANNER_PROVIDERS];
	int provider_count;

	/* cursors, as read at the start of the tick */
	bool enabled;
	bool halted;
	bool rescans;
	int64 tip;   /* -1: nothing ingested yet */
	int64 first; /* where the first scan begins; -1: not known yet */
	uint8 tip_hash[32];
	int64 final;
	uint8 final_hash[32];

	/* what the nodes serve */
	UsdtpayHttpPool *pool;
	int64 served;
	int64 served_final;
	TimestampTz served_at;
	int span_max;                /* most blocks of a look; fewer after one took too long */
	int final_span;              /* most blocks of a second look; fewer in a dispute */
	int disputes;                /* second looks in a row that contradicted the first */
	UsdtpayProvider *distrusted; /* whose word is in dispute: others are asked for new blocks */
	UsdtpayProvider *rival; /* left alone for a while: on a fork as many hold as ours; or NULL */
	TimestampTz rival_until;
	int64 contradicted;        /* up to this block somebody denied what we hold; 0: nobody */
	TimestampTz waiting_since; /* for a second look nobody gives; 0: not */
	UsdtpayProvider
		*doubter;      /* tells of another token than it did; while set nothing is credited */
	const char *doubt; /* what it tells, a fixed text */
	TimestampTz doubt_since;
	TimestampTz settle_at; /* not before: have receipts stand in for it */
	double logs_per_block;
	double bytes_per_block;
	int tip_retries;

	/* duties */
	TimestampTz poll_at;
	TimestampTz final_poll_at;
	TimestampTz tip_at;   /* not before, after a failure */
	TimestampTz grown_at; /* when the tip last grew */
	TimestampTz final_at; /* not before */
	TimestampTz rescan_at;
	TimestampTz rescan_since; /* one node alone has told of old blocks since then; 0: not */
	bool rescan_disputed;     /* others told differently of the old blocks that are next */
	char rescan_note[128];    /* why they are not done with; empty when nothing is wrong */
	TimestampTz prune_at;
	TimestampTz report_at;
	bool polled; /* since the last report */
	char note[256];
};

/* scanner_config.c */
extern bool scanner_config_reload(Scanner *s);
extern void scanner_config_pins(Scanner *s);

/* scanner_db.c */
extern uint64 scanner_db_query(const Scanner *s, const char *query, bool read_only);
extern bool scanner_db_state(Scanner *s);
extern void scanner_db_ingest(Scanner *s, const UsdtpayProvider *p, ScannerLook look,
							  ScannerSpan *span, const int64 *cleared, int cleared_count,
							  ScannerIngest *out);
extern bool scanner_db_teller(Scanner *s, int64 from, int64 *to, UsdtpayProvider **teller);
extern bool scanner_db_hash(Scanner *s, int64 number, uint8 *out);
extern bool scanner_db_rewind(Scanner *s, int64 number, const uint8 *hash);
extern void scanner_db_halt(Scanner *s, const char *reason);
extern void scanner_db_pin(Scanner *s, int token, const uint8 *hash);
extern bool scanner_db_rescan(Scanner *s, int64 *id, int64 *from, int64 *to);
extern void scanner_db_rescanned(Scanner *s, int64 id, int64 next, int found);
extern int scanner_db_prune(Scanner *s);
extern void scanner_db_report(Scanner *s);

/* scanner_start.c */
extern int64 scanner_first(Scanner *s);

/* scanner_check.c */
extern bool scanner_check(Scanner *s, UsdtpayProvider *p, UsdtpayRpc *identity);
extern void scanner_check_again(Scanner *s, UsdtpayProvider *p, UsdtpayRpc *identity);

/* scanner_poll.c */
extern void scanner_poll(Scanner *s, int patience_ms);
extern bool scanner_polling(const Scanner *s);

/* scanner_proof.c */
extern ScannerVerdict scanner_prove(Scanner *s, int64 from, int64 to);

/* scanner_trust.c */
extern uint64 scanner_bit(const Scanner *s, const UsdtpayProvider *p);
extern bool scanner_alone(const Scanner *s, const UsdtpayProvider *teller, TimestampTz since);
extern bool scanner_has_company(const Scanner *s);
extern int scanner_witnesses(const Scanner *s);
extern int64 scanner_vouched(const Scanner *s, int witnesses);
extern UsdtpayProvider *scanner_confirmer(Scanner *s, const UsdtpayProvider *teller, int64 to,
										  int64 final, uint64 except, bool contradicted);

/* scanner_look.c */
extern int64 scanner_span_size(const Scanner *s, int64 most);
extern bool scanner_attempt(Scanner *s, UsdtpayProvider *p, ScannerLook look, int64 from, int64 to,
							const ScannerNews *told, ScannerIngest *out);

/* scanner_tip.c */
extern bool scanner_advance(Scanner *s);

/* scanner_final.c */
extern bool scanner_finalize(Scanner *s);

/* scanner_rescan.c */
extern bool scanner_rescan(Scanner *s);

/* scanner_reorg.c */
extern bool scanner_reorg(Scanner *s, UsdtpayProvider *p);
extern void scanner_compare_heads(Scanner *s);
extern uint64 scanner_rival(const Scanner *s);

/* scanner.c */
extern void scanner_note(Scanner *s, const char *format, ...) pg_attribute_printf(2, 3);
extern void scanner_text_begin(StringInfo body);
extern bool scanner_append(StringInfo list, UsdtpaySlice array, int64 *count);
extern TimestampTz scanner_after(int ms);
extern void scanner_shun_logs(UsdtpayProvider *p);

extern const ScannerFamily scanner_evm;
extern const ScannerFamily scanner_tron;

#endif
