/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_evm.h: what the two halves of the EVM family share: scanner_evm.c (headers and logs) and
 * scanner_receipts.c (receipts and what they prove).
 */
#ifndef USDTPAY_SCANNER_EVM_H
#define USDTPAY_SCANNER_EVM_H

#include <inttypes.h>

#include "chain/evm.h"
#include "scanner.h"

#define EVM_HEX "%" PRIx64

/* scanner_evm.c */
extern void scanner_evm_call(UsdtpayRpcCall *call, const char *method, char *params);
extern UsdtpayRpcVerdict scanner_evm_run(Scanner *s, UsdtpayProvider *p, UsdtpayRpcCall *calls,
										 int count, int timeout_ms);
extern bool scanner_evm_header(UsdtpaySlice slice, UsdtpayEvmHeader *header);
extern UsdtpayRpcVerdict scanner_evm_ask_logs(Scanner *s, UsdtpayProvider *p, const char *where,
											  int timeout_ms, UsdtpayRpcCall *call);
extern UsdtpayRpcBatch *scanner_evm_start_headers(Scanner *s, UsdtpayProvider *p, ScannerLook look,
												  const ScannerSpan *span);
extern UsdtpayRpcVerdict scanner_evm_finish_headers(Scanner *s, UsdtpayRpcBatch *batch,
													ScannerSpan *span);

/* scanner_receipts.c */
extern UsdtpayRpcVerdict scanner_evm_take_receipts(Scanner *s, UsdtpayProvider *p, int64 number,
												   ScannerSpan *span);
extern UsdtpayRpcVerdict scanner_evm_has_logs(Scanner *s, UsdtpayProvider *p,
											  const ScannerSpan *span, int64 number, bool *out,
											  bool *proven);
extern UsdtpayRpcVerdict scanner_evm_claim(Scanner *s, UsdtpayProvider *p, ScannerSpan *span,
										   uint8 *digest);
extern UsdtpayRpcVerdict scanner_evm_span_receipts(Scanner *s, UsdtpayProvider *p,
												   ScannerSpan *span);

#endif
