/* SPDX-License-Identifier: PostgreSQL
 *
 * abi.h: the few contract calls the platform makes and the words it reads back.  Pure C.
 *
 * Reading is strict: padding that is not zero means the bytes are something else.
 */
#ifndef USDTPAY_CODEC_ABI_H
#define USDTPAY_CODEC_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USDTPAY_ABI_WORD           32
#define USDTPAY_ABI_TRANSFER_LEN   68 /* transfer(address,uint256) */
#define USDTPAY_ABI_BALANCE_OF_LEN 36 /* balanceOf(address) */
#define USDTPAY_ABI_DECIMALS_LEN   4  /* decimals() */

/* Encodes transfer(address,uint256).  In: a 20-byte address, a 256-bit amount. */
extern void usdtpay_abi_transfer(uint8_t out[USDTPAY_ABI_TRANSFER_LEN], const uint8_t to[20],
								 const uint8_t amount[32]);

/* Encodes balanceOf(address). */
extern void usdtpay_abi_balance_of(uint8_t out[USDTPAY_ABI_BALANCE_OF_LEN],
								   const uint8_t owner[20]);

/* Encodes decimals(). */
extern void usdtpay_abi_decimals(uint8_t out[USDTPAY_ABI_DECIMALS_LEN]);

/* Reads transfer(address,uint256) call data of exactly 68 bytes.
 * In: tron allows 0x41 before the address, as TRON wallets write it. */
extern bool usdtpay_abi_read_transfer(uint8_t to[20], uint8_t amount[32], const uint8_t *in,
									  size_t inlen, bool tron);

/* Reads an address word: twelve zero bytes and twenty of address.
 * In: tron also allows 0x41 in the byte before the address.  Returns: false on other padding. */
extern bool usdtpay_abi_word_address(uint8_t out[20], const uint8_t word[32], bool tron);

/* Reads a boolean word.  Returns: false when it is neither 0 nor 1. */
extern bool usdtpay_abi_word_bool(bool *out, const uint8_t word[32]);

/* Reads an unsigned word of at most 64 bits.  Returns: false when it is larger. */
extern bool usdtpay_abi_word_u64(uint64_t *out, const uint8_t word[32]);

#endif
