/* SPDX-License-Identifier: PostgreSQL
 *
 * head.h: which block number to believe when nodes disagree.  Pure C.
 */
#ifndef USDTPAY_HEAD_H
#define USDTPAY_HEAD_H

#include <stddef.h>
#include <stdint.h>

/* Most nodes looked at together. */
#define USDTPAY_HEAD_MAX 64

/* Picks the block number to work up to.
 * In: heads of the nodes that answered, in any order (values below 1 are dropped); spread: how
 * far apart nodes of one mind may be; ceiling: the highest number that can be true by now, 0
 * when nothing is known yet (a node above it is lying or on another chain).
 * Returns: the lowest of the largest group, of two equal groups the higher one; 0 for none. */
extern int64_t usdtpay_head_served(const int64_t *heads, size_t count, int64_t spread,
								   int64_t ceiling);

/* Says how high a chain can have got: the last served head plus what the time passed allows,
 * doubled, plus five. */
extern int64_t usdtpay_head_ceiling(int64_t last, int64_t elapsed_ms, int64_t block_ms);

#endif
