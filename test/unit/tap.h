/* SPDX-License-Identifier: PostgreSQL
 *
 * tap.h: the few lines every unit test needs: named checks, hex helpers and a reader of vector
 * files.  A program ends with `return tap_done();`, which is non-zero when a check failed or when
 * none ran.
 */
#ifndef USDTPAY_TAP_H
#define USDTPAY_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_run;
static int tap_failed;

/* Reports one named check and returns its outcome. */
static inline __attribute__((format(printf, 2, 3))) bool
ok(bool pass, const char *name, ...)
{
	va_list args;

	printf("%s %d - ", pass ? "ok" : "not ok", ++tap_run);
	va_start(args, name);
	vprintf(name, args);
	va_end(args);
	printf("\n");
	if (!pass)
		tap_failed++;
	return pass;
}

/* Returns: the program's exit code; prints the plan. */
static inline int
tap_done(void)
{
	printf("1..%d\n", tap_run);
	return tap_failed > 0 || tap_run == 0;
}

/* Ends the program: the test itself is broken. */
static inline void
tap_bail(const char *why, const char *what)
{
	printf("not ok - bail out: %s %s\n", why, what);
	exit(1);
}

/* Reads hex text, with or without 0x.  Returns: bytes to free; *len their number. */
static inline uint8_t *
tap_unhex(const char *hex, size_t *len)
{
	size_t n;
	size_t i;
	uint8_t *out;

	if (strncmp(hex, "0x", 2) == 0)
		hex += 2;
	n = strlen(hex);
	out = malloc(n / 2 + 1);
	if (out == NULL || n % 2 != 0)
		tap_bail("bad hex in a vector:", hex);
	for (i = 0; i < n / 2; i++)
	{
		unsigned byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			tap_bail("bad hex in a vector:", hex);
		out[i] = (uint8_t) byte;
	}
	*len = n / 2;
	return out;
}

/* Returns: true when bytes equal the hex text, with or without 0x, either case. */
static inline bool
tap_same(const uint8_t *bytes, size_t len, const char *hex)
{
	size_t want;
	uint8_t *other = tap_unhex(hex, &want);
	bool same = want == len && memcmp(bytes, other, len) == 0;

	free(other);
	return same;
}

/* Calls fn with the tab-separated fields of each line of VECTORS/name; `#` lines are comments.
 * Returns: the number of lines; ends the program when the file is missing. */
static inline int
tap_each_line(const char *name, void (*fn)(char **field, int n))
{
	char path[512];
	char *line = NULL;
	size_t cap = 0;
	int lines = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", VECTORS, name);
	f = fopen(path, "r");
	if (f == NULL)
		tap_bail("cannot open", path);
	while (getline(&line, &cap, f) > 0)
	{
		char *field[16];
		char *rest = line;
		int n = 0;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		while (n < 16 && (field[n] = strsep(&rest, "\t")) != NULL)
			n++;
		fn(field, n);
		lines++;
	}
	free(line);
	fclose(f);
	return lines;
}

#endif
