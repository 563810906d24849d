/* SPDX-License-Identifier: PostgreSQL
 *
 * fuzz.h: what every fuzz target needs.
 */
#ifndef USDTPAY_FUZZ_H
#define USDTPAY_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stops the fuzzer with a finding when a property does not hold; NDEBUG cannot remove it. */
#define FUZZ_HOLDS(property)                                                                       \
	do                                                                                             \
	{                                                                                              \
		if (!(property))                                                                           \
			abort();                                                                               \
	} while (0)

#endif
