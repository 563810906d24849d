/* SPDX-License-Identifier: PostgreSQL
 *
 * errors.h: every SQLSTATE of our own.  Class UP ("usdtpay"), grouped by the third and fourth
 * character.  docs/errors.md explains each one to people who meet it.
 */
#ifndef USDTPAY_ERRORS_H
#define USDTPAY_ERRORS_H

#define UP_CODE(a, b, c) MAKE_SQLSTATE('U', 'P', (a), (b), (c))

/* UP0xx: input that cannot mean anything */
#define ERRCODE_UP_BAD_INPUT     UP_CODE('0', '0', '0') /* malformed argument */
#define ERRCODE_UP_BAD_ADDRESS   UP_CODE('0', '0', '1') /* address, checksum or family */
#define ERRCODE_UP_BAD_KEY       UP_CODE('0', '0', '2') /* xpub, point, path */
#define ERRCODE_UP_BAD_SIGNATURE UP_CODE('0', '0', '3') /* unrecoverable signature */
#define ERRCODE_UP_BAD_AMOUNT    UP_CODE('0', '0', '4') /* NaN, scale, sign, range */

/* UP1xx: who is asking */
#define ERRCODE_UP_NO_PARTY  UP_CODE('1', '0', '0') /* login bound to no party */
#define ERRCODE_UP_FORBIDDEN UP_CODE('1', '0', '1') /* another party's object, missing role */

/* UP2xx: state */
#define ERRCODE_UP_NOT_FOUND      UP_CODE('2', '0', '0')
#define ERRCODE_UP_BAD_STATE      UP_CODE('2', '0', '1') /* transition not allowed from here */
#define ERRCODE_UP_IDEMPOTENCY    UP_CODE('2', '0', '2') /* same key, other parameters */
#define ERRCODE_UP_NOT_CONFIGURED UP_CODE('2', '0', '3') /* no wallet, network disabled … */
#define ERRCODE_UP_EXHAUSTED      UP_CODE('2', '0', '4') /* pool empty, no free amount */

/* UP3xx: ledger */
#define ERRCODE_UP_LIMIT       UP_CODE('3', '0', '0') /* account limit would break */
#define ERRCODE_UP_CLOSED      UP_CODE('3', '0', '1') /* account closed */
#define ERRCODE_UP_APPEND_ONLY UP_CODE('3', '0', '2') /* somebody tried to change history */
#define ERRCODE_UP_HOLD        UP_CODE('3', '0', '3') /* hold unknown or already resolved */
#define ERRCODE_UP_GUARDED     UP_CODE('3', '0', '4') /* DROP EXTENSION with journals */

/* UP4xx: chain */
#define ERRCODE_UP_CHAIN_DATA       UP_CODE('4', '0', '0') /* a node's answer failed validation */
#define ERRCODE_UP_CHAIN_LINK       UP_CODE('4', '0', '1') /* blocks do not link */
#define ERRCODE_UP_CHAIN_HALTED     UP_CODE('4', '0', '2') /* reorg below final, operator needed */
#define ERRCODE_UP_CHAIN_RACE       UP_CODE('4', '0', '3') /* cursor moved meanwhile */
#define ERRCODE_UP_CHAIN_INCOMPLETE UP_CODE('4', '0', '4') /* the bloom promises logs */

#endif
