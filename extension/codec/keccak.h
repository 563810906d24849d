/* SPDX-License-Identifier: PostgreSQL
 *
 * keccak.h: Keccak-256 as Ethereum uses it (original padding 0x01, not SHA3-256).  Pure C.
 */
#ifndef USDTPAY_CODEC_KECCAK_H
#define USDTPAY_CODEC_KECCAK_H

#include <stddef.h>
#include <stdint.h>

/* Hashes in one go.  Out: out[32].  In: in[inlen], any length. */
extern void usdtpay_keccak256(uint8_t out[32], const uint8_t *in, size_t inlen);

#endif
