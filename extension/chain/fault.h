/* SPDX-License-Identifier: PostgreSQL
 *
 * fault.h: what was wrong with a node's answer.  Pure C.
 *
 * Every reader of this room takes a fault to fill and answers false once it did; the wrappers
 * turn the kind into an SQLSTATE.  An answer with one fault is refused whole.
 */
#ifndef USDTPAY_CHAIN_FAULT_H
#define USDTPAY_CHAIN_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum UsdtpayFaultKind
{
	USDTPAY_FAULT_DATA, /* malformed, or contradicts what is known: UP400 */
	USDTPAY_FAULT_LINK  /* each block is sound, but they do not follow each other: UP401 */
} UsdtpayFaultKind;

typedef struct UsdtpayFault
{
	UsdtpayFaultKind kind;
	const char *what; /* a constant: lower case, no period */
	bool has_block;
	uint64_t block; /* the number of the block it was found in */
	bool has_offset;
	size_t offset; /* bytes into the answer */
} UsdtpayFault;

/* Records a fault.  Returns: false, for the caller to pass on. */
static inline bool
usdtpay_fault(UsdtpayFault *f, const char *what)
{
	f->kind = USDTPAY_FAULT_DATA;
	f->what = what;
	return false;
}

#endif
