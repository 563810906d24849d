/* SPDX-License-Identifier: PostgreSQL
 *
 * derive.h: deposit addresses of a wallet, xpub/0/index, with the parsed parents remembered.
 * Pure C; the memory is one static table, so for single-threaded callers only.
 */
#ifndef USDTPAY_KEYS_DERIVE_H
#define USDTPAY_KEYS_DERIVE_H

#include "keys/address.h"
#include "keys/bip32.h"

/* Derives the address of xpub/0/index.
 * Returns: as usdtpay_bip32_parse and usdtpay_bip32_child.  Out: out[20]. */
extern UsdtpayKeyStatus usdtpay_derive_address(uint8_t out[USDTPAY_ADDRESS_LEN], const char *xpub,
											   size_t xpublen, uint32_t index);

#endif
