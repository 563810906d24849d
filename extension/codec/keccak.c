/* SPDX-License-Identifier: PostgreSQL
 *
 * keccak.c: Keccak-256, the sponge of FIPS 202 with rate 136 and the original padding 0x01.
 *
 * OpenSSL 3.0 offers SHA3-256 only, whose padding differs.  Every address, topic and block id
 * goes through here, so keccak-f[1600] is written out: theta, rho, pi and chi of one round are
 * merged, each output row is computed from five rotated lanes kept in registers, and two rounds
 * alternate between two sets of lanes so that nothing is ever copied back.
 *
 * Lane (x, y) of the specification is element x + 5 * y.
 */
#include "codec/keccak.h"

#include <string.h>

#define KECCAK_RATE   136
#define KECCAK_LANES  (KECCAK_RATE / 8)
#define KECCAK_ROUNDS 24

static const uint64_t keccak_round_constant[KECCAK_ROUNDS] = {
	0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
	0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
	0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
	0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
	0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
	0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

/* Rotates left by 0 < n < 64; n = 0 is safe too. */
static inline uint64_t
keccak_rotl(uint64_t v, unsigned n)
{
	return v << n | v >> ((64 - n) & 63);
}

/* Computes output row y: five lanes after theta, rotated (rho) and placed (pi), then chi. */
#define KECCAK_ROW(e, y, l0, n0, l1, n1, l2, n2, l3, n3, l4, n4)                                   \
	do                                                                                             \
	{                                                                                              \
		uint64_t b0 = keccak_rotl(l0, n0), b1 = keccak_rotl(l1, n1), b2 = keccak_rotl(l2, n2);     \
		uint64_t b3 = keccak_rotl(l3, n3), b4 = keccak_rotl(l4, n4);                               \
                                                                                                   \
		(e)[5 * (y) + 0] = b0 ^ (~b1 & b2);                                                        \
		(e)[5 * (y) + 1] = b1 ^ (~b2 & b3);                                                        \
		(e)[5 * (y) + 2] = b2 ^ (~b3 & b4);                                                        \
		(e)[5 * (y) + 3] = b3 ^ (~b4 & b0);                                                        \
		(e)[5 * (y) + 4] = b4 ^ (~b0 & b1);                                                        \
	} while (0)

/* Applies one round.  Out: e[25], distinct from a.  In: a[25], the round constant rc. */
static inline __attribute__((always_inline)) void
keccak_round(uint64_t *restrict e, const uint64_t *restrict a, uint64_t rc)
{
	uint64_t c0 = a[0] ^ a[5] ^ a[10] ^ a[15] ^ a[20];
	uint64_t c1 = a[1] ^ a[6] ^ a[11] ^ a[16] ^ a[21];
	uint64_t c2 = a[2] ^ a[7] ^ a[12] ^ a[17] ^ a[22];
	uint64_t c3 = a[3] ^ a[8] ^ a[13] ^ a[18] ^ a[23];
	uint64_t c4 = a[4] ^ a[9] ^ a[14] ^ a[19] ^ a[24];
	uint64_t d0 = c4 ^ keccak_rotl(c1, 1);
	uint64_t d1 = c0 ^ keccak_rotl(c2, 1);
	uint64_t d2 = c1 ^ keccak_rotl(c3, 1);
	uint64_t d3 = c2 ^ keccak_rotl(c4, 1);
	uint64_t d4 = c3 ^ keccak_rotl(c0, 1);

	KECCAK_ROW(e, 0, a[0] ^ d0, 0, a[6] ^ d1, 44, a[12] ^ d2, 43, a[18] ^ d3, 21, a[24] ^ d4, 14);
	e[0] ^= rc;
	KECCAK_ROW(e, 1, a[3] ^ d3, 28, a[9] ^ d4, 20, a[10] ^ d0, 3, a[16] ^ d1, 45, a[22] ^ d2, 61);
	KECCAK_ROW(e, 2, a[1] ^ d1, 1, a[7] ^ d2, 6, a[13] ^ d3, 25, a[19] ^ d4, 8, a[20] ^ d0, 18);
	KECCAK_ROW(e, 3, a[4] ^ d4, 27, a[5] ^ d0, 36, a[11] ^ d1, 10, a[17] ^ d2, 15, a[23] ^ d3, 56);
	KECCAK_ROW(e, 4, a[2] ^ d2, 62, a[8] ^ d3, 55, a[14] ^ d4, 39, a[15] ^ d0, 41, a[21] ^ d1, 2);
}

/* Permutes the state in place: keccak-f[1600]. */
static void
keccak_f1600(uint64_t a[25])
{
	uint64_t e[25];
	int i;

	for (i = 0; i < KECCAK_ROUNDS; i += 2)
	{
		keccak_round(e, a, keccak_round_constant[i]);
		keccak_round(a, e, keccak_round_constant[i + 1]);
	}
}

/* Reads eight bytes as a little-endian lane; compilers make one load of it. */
static inline uint64_t
keccak_load(const uint8_t *in)
{
	return (uint64_t) in[0] | (uint64_t) in[1] << 8 | (uint64_t) in[2] << 16 |
		   (uint64_t) in[3] << 24 | (uint64_t) in[4] << 32 | (uint64_t) in[5] << 40 |
		   (uint64_t) in[6] << 48 | (uint64_t) in[7] << 56;
}

/* Mixes one block of KECCAK_RATE bytes into the state. */
static void
keccak_absorb(uint64_t state[25], const uint8_t *block)
{
	int i;

	for (i = 0; i < KECCAK_LANES; i++)
		state[i] ^= keccak_load(block + 8 * i);
	keccak_f1600(state);
}

void
usdtpay_keccak256(uint8_t out[32], const uint8_t *in, size_t inlen)
{
	uint64_t state[25] = {0};
	uint8_t last[KECCAK_RATE] = {0};
	int i;

	for (; inlen >= KECCAK_RATE; in += KECCAK_RATE, inlen -= KECCAK_RATE)
		keccak_absorb(state, in);
	if (inlen > 0)
		memcpy(last, in, inlen);
	last[inlen] = 0x01;
	last[KECCAK_RATE - 1] |= 0x80;
	keccak_absorb(state, last);
	for (i = 0; i < 32; i++)
		out[i] = (uint8_t) (state[i / 8] >> (8 * (i % 8)));
}
