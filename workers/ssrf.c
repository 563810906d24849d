/* SPDX-License-Identifier: PostgreSQL
 *
 * ssrf.c: which addresses a webhook may reach.
 *
 * The URL check gives people an early, clear answer.  What protects is the check of the resolved
 * address at the moment a socket is opened: it covers every way to write an address, names that
 * point inside, and names that change between two look-ups (DNS rebinding).
 *
 * The ranges are IANA's special-purpose registries, plus the metadata services cloud providers
 * keep outside 169.254/16.
 */
#include "ssrf.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

typedef enum SsrfVerdict
{
	SSRF_DENY,
	SSRF_PRIVATE,
	SSRF_PUBLIC
} SsrfVerdict;

/* A range, 16 bytes wide; IPv4 uses the first four. */
typedef struct SsrfRange
{
	uint8_t base[16];
	int bits;
	SsrfVerdict verdict;
} SsrfRange;

/* The first range that matches decides. */
static const SsrfRange ssrf_v4[] = {
	{{100, 100, 100, 200}, 32, SSRF_DENY}, /* metadata service inside the shared space */
	{{168, 63, 129, 16}, 32, SSRF_DENY},   /* a cloud's platform address */
	{{0}, 8, SSRF_DENY},
	{{10}, 8, SSRF_PRIVATE},
	{{100, 64}, 10, SSRF_PRIVATE},
	{{127}, 8, SSRF_PRIVATE},
	{{169, 254}, 16, SSRF_DENY},
	{{172, 16}, 12, SSRF_PRIVATE},
	{{192, 0, 0}, 24, SSRF_DENY},
	{{192, 0, 2}, 24, SSRF_DENY},
	{{192, 88, 99}, 24, SSRF_DENY},
	{{192, 168}, 16, SSRF_PRIVATE},
	{{198, 18}, 15, SSRF_DENY},
	{{198, 51, 100}, 24, SSRF_DENY},
	{{203, 0, 113}, 24, SSRF_DENY},
	{{224}, 4, SSRF_DENY},
	{{240}, 4, SSRF_DENY},
	{{0}, 0, SSRF_PUBLIC},
};

/* Mapped, translated and tunnelled IPv4 is refused whole: nobody publishes a service there. */
static const SsrfRange ssrf_v6[] = {
	{{0xfd, 0x00, 0x0e, 0xc2}, 32, SSRF_DENY}, /* metadata service inside the local space */
	{{[15] = 1}, 128, SSRF_PRIVATE},
	{{0xfc}, 7, SSRF_PRIVATE},
	{{0x20, 0x01}, 23, SSRF_DENY},
	{{0x20, 0x01, 0x0d, 0xb8}, 32, SSRF_DENY},
	{{0x20, 0x02}, 16, SSRF_DENY},
	{{0x3f, 0xff}, 20, SSRF_DENY},
	{{0x20}, 3, SSRF_PUBLIC},
	{{0}, 0, SSRF_DENY},
};

/* Tells whether an address lies in a range. */
static bool
ssrf_within(const SsrfRange *range, const uint8_t *address)
{
	int whole = range->bits / 8;
	int rest = range->bits % 8;
	uint8_t mask = (uint8_t) (0xff00 >> rest);

	return memcmp(range->base, address, (size_t) whole) == 0 &&
		   (rest == 0 || ((range->base[whole] ^ address[whole]) & mask) == 0);
}

/* Finds the verdict; both tables end in a range that matches everything. */
static SsrfVerdict
ssrf_judge(const SsrfRange *range, const uint8_t *address)
{
	while (!ssrf_within(range, address))
		range++;
	return range->verdict;
}

bool
usdtpay_ssrf_allowed(const struct sockaddr *address, bool allow_private)
{
	SsrfVerdict verdict = SSRF_DENY;

	if (address->sa_family == AF_INET)
	{
		struct sockaddr_in v4;

		memcpy(&v4, address, sizeof(v4));
		verdict = ssrf_judge(ssrf_v4, (const uint8_t *) &v4.sin_addr);
	}
	else if (address->sa_family == AF_INET6)
	{
		struct sockaddr_in6 v6;

		memcpy(&v6, address, sizeof(v6));
		verdict = ssrf_judge(ssrf_v6, (const uint8_t *) &v6.sin6_addr);
	}
	return verdict == SSRF_PUBLIC || (verdict == SSRF_PRIVATE && allow_private);
}

/* Tells whether the list names the port. */
static bool
ssrf_port_listed(const char *ports, long port)
{
	while (*ports != '\0')
	{
		char *end;
		long listed = strtol(ports, &end, 10);

		if (end != ports && listed == port)
			return true;
		ports = end != ports ? end : ports + 1;
	}
	return false;
}

/* Reads ":8443" up to end; an absent port is the scheme's.  Returns: 0 when it is no port. */
static long
ssrf_port(const char *text, const char *end, long absent)
{
	long port = 0;

	if (text == end)
		return absent;
	if (*text != ':' || text + 1 == end)
		return 0;
	for (text++; text < end; text++)
	{
		if (*text < '0' || *text > '9')
			return 0;
		port = port * 10 + (*text - '0');
		if (port > 65535)
			return 0;
	}
	return port;
}

/* Tells whether a name ends in a suffix, whatever the case. */
static bool
ssrf_ends(const char *name, const char *suffix)
{
	size_t len = strlen(name);
	size_t want = strlen(suffix);

	return len >= want && strcasecmp(name + len - want, suffix) == 0;
}

/* Judges "[v6]" without the brackets. */
static const char *
ssrf_v6_problem(const char *host, bool allow_private)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
		return "the IPv6 address is malformed";
	if (!usdtpay_ssrf_allowed((struct sockaddr *) &v6, allow_private))
		return "the address is not a public one";
	return NULL;
}

/* Judges a name, or IPv4 in any of the forms inet_aton() reads. */
static const char *
ssrf_host_problem(char *host, bool allow_private)
{
	static const char *const inner[] = {".localhost", ".local", ".internal", ".lan", ".home.arpa"};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	size_t len = strlen(host);
	size_t i;

	if (len > 0 && host[len - 1] == '.')
		host[--len] = '\0';
	if (len == 0 || len > 253)
		return "the host is missing or too long";
	for (i = 0; i < len; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", host[i]) ==
			NULL)
			return "the host holds a character that belongs into no name";
	if (inet_aton(host, &v4.sin_addr) != 0)
		return usdtpay_ssrf_allowed((struct sockaddr *) &v4, allow_private)
				   ? NULL
				   : "the address is not a public one";
	if (allow_private)
		return NULL;
	if (strchr(host, '.') == NULL)
		return "the host has no domain";
	for (i = 0; i < sizeof(inner) / sizeof(inner[0]); i++)
		if (ssrf_ends(host, inner[i]))
			return "the host is a local name";
	return NULL;
}

/* Judges "host:port"; end is where it stops. */
static const char *
ssrf_authority_problem(const char *text, const char *end, long absent,
					   const UsdtpaySsrfPolicy *policy)
{
	char host[256] = "";
	bool v6 = text < end && *text == '[';
	const char *stop;
	long port;

	if (memchr(text, '@', (size_t) (end - text)) != NULL)
		return "it holds a user name or password";
	text += v6 ? 1 : 0;
	stop = memchr(text, v6 ? ']' : ':', (size_t) (end - text));
	if (stop == NULL && v6)
		return "the IPv6 address is malformed";
	if (stop == NULL)
		stop = end;
	if ((size_t) (stop - text) >= sizeof(host))
		return "the host is missing or too long";
	memcpy(host, text, (size_t) (stop - text));
	host[stop - text] = '\0';
	port = ssrf_port(v6 ? stop + 1 : stop, end, absent);
	if (port == 0)
		return "the port is malformed";
	if (!ssrf_port_listed(policy->ports, port))
		return "the port is not allowed";
	return v6 ? ssrf_v6_problem(host, policy->allow_private)
			  : ssrf_host_problem(host, policy->allow_private);
}

const char *
usdtpay_url_problem(const char *url, const UsdtpaySsrfPolicy *policy)
{
	const char *rest;
	const char *c;
	long absent = 443;

	if (strlen(url) > USDTPAY_URL_MAX)
		return "it is longer than 2048 bytes";
	for (c = url; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~' || strchr("\"\\<>^`{|}#", *c) != NULL)
			return "it holds a space, a fragment or a character that must be percent-encoded";
	if (strncasecmp(url, "https://", 8) == 0)
		rest = url + 8;
	else if (policy->allow_http && strncasecmp(url, "http://", 7) == 0)
	{
		rest = url + 7;
		absent = 80;
	}
	else
		return policy->allow_http ? "it is neither http nor https" : "it is not https";
	return ssrf_authority_problem(rest, rest + strcspn(rest, "/?"), absent, policy);
}
