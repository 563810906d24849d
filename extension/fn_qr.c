/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_qr.c: QR codes as SVG and as terminal text, drawn from libqrencode's matrix.  Error
 * correction level M, quiet zone of four modules as ISO/IEC 18004 asks.
 */
#include "postgres.h"

#include <qrencode.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "compat.h"
#include "errors.h"

#define QR_QUIET     4
#define QR_MAX_WIDTH 177  /* version 40 */
#define QR_MAX_BYTES 2331 /* version 40, level M, 8-bit data */
#define QR_MAX_PX    64

PG_FUNCTION_INFO_V1(usdtpay_fn_qr_svg);
PG_FUNCTION_INFO_V1(usdtpay_fn_qr_text);

typedef struct QrMatrix
{
	int width;
	uint8_t dark[QR_MAX_WIDTH * QR_MAX_WIDTH];
} QrMatrix;

/* Says whether module (x, y) is dark; everything around the code is light. */
static bool
qr_dark(const QrMatrix *qr, int x, int y)
{
	return x >= 0 && y >= 0 && x < qr->width && y < qr->width && qr->dark[y * qr->width + x];
}

/* Encodes content (in the server's encoding) as UTF-8.  Returns: a palloc'd matrix.
 * Empty or too long content is an error UP000. */
static QrMatrix *
qr_encode(const text *content)
{
	int len = VARSIZE_ANY_EXHDR(content);
	char *utf8 = pg_server_to_any(text_to_cstring(content), len, PG_UTF8);
	QrMatrix *qr = palloc(sizeof(QrMatrix));
	QRcode *code;
	int i;

	len = strlen(utf8);
	if (len == 0 || len > QR_MAX_BYTES)
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT),
						errmsg("a QR code holds 1 to %d bytes", QR_MAX_BYTES),
						errdetail("The content has %d bytes.", len),
						errhint("Encode a shorter text, such as a payment URI or a link.")));
	code = QRcode_encodeString(utf8, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
	if (code == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not make a QR code: %m")));
	/* Nothing may throw until the library's memory is freed. */
	qr->width = code->width;
	for (i = 0; i < code->width * code->width && i < (int) sizeof(qr->dark); i++)
		qr->dark[i] = code->data[i] & 1;
	QRcode_free(code);
	return qr;
}

/* Appends one rectangle per run of dark modules. */
static void
qr_append_runs(StringInfo out, const QrMatrix *qr)
{
	int x;
	int y;

	for (y = 0; y < qr->width; y++)
		for (x = 0; x < qr->width; x++)
		{
			int start = x;

			while (qr_dark(qr, x, y))
				x++;
			if (x > start)
				appendStringInfo(out, "M%d %dh%dv1h-%dz", start + QR_QUIET, y + QR_QUIET, x - start,
								 x - start);
		}
}

/* usdtpay.qr_svg(content text, module_px int) returns text */
Datum
usdtpay_fn_qr_svg(PG_FUNCTION_ARGS)
{
	int32 px = PG_GETARG_INT32(1);
	QrMatrix *qr;
	StringInfoData out;
	int side;

	if (px < 1 || px > QR_MAX_PX)
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("module size out of range"),
						errdetail("The size is %d pixels.", px),
						errhint("Use 1 to %d pixels per module.", QR_MAX_PX)));
	qr = qr_encode(PG_GETARG_TEXT_PP(0));
	side = qr->width + 2 * QR_QUIET;
	initStringInfo(&out);
	appendStringInfo(&out,
					 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
					 "viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
					 "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path fill=\"#000\" d=\"",
					 side * px, side * px, side, side, side, side);
	qr_append_runs(&out, qr);
	appendStringInfoString(&out, "\"/></svg>");
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* usdtpay.qr_text(content text) returns text
 *
 * Two modules stand in one character, drawn where they are light, because terminals are dark. */
Datum
usdtpay_fn_qr_text(PG_FUNCTION_ARGS)
{
	static const char *const block[4] = {" ", "\xe2\x96\x84", "\xe2\x96\x80", "\xe2\x96\x88"};
	QrMatrix *qr = qr_encode(PG_GETARG_TEXT_PP(0));
	int end = qr->width + QR_QUIET;
	StringInfoData out;
	int x;
	int y;

	initStringInfo(&out);
	for (y = -QR_QUIET; y < end; y += 2)
	{
		if (y > -QR_QUIET)
			appendStringInfoChar(&out, '\n');
		for (x = -QR_QUIET; x < end; x++)
		{
			bool upper = !qr_dark(qr, x, y);
			bool lower = y + 1 < end && !qr_dark(qr, x, y + 1);

			appendStringInfoString(&out, block[2 * upper + lower]);
		}
	}
	PG_RETURN_TEXT_P(cstring_to_text(pg_any_to_server(out.data, out.len, PG_UTF8)));
}
