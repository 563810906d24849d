/* SPDX-License-Identifier: PostgreSQL
 *
 * test_ssrf.c: where webhooks may go.  The forms in ssrf_bypass are those with which guards that
 * look at the URL only have been fooled.
 */
#include "tap.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../../workers/ssrf.h"

static const UsdtpaySsrfPolicy ssrf_strict = {false, false, "443,80,8443"};
static const UsdtpaySsrfPolicy ssrf_http = {true, false, "443, 80, 8443"};
static const UsdtpaySsrfPolicy ssrf_private = {true, true, "443,80,7000"};

/* Judges an address in text form. */
static bool
allowed(const char *text, bool allow_private)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return usdtpay_ssrf_allowed((struct sockaddr *) &v4, allow_private);
	if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
		tap_bail("no address:", text);
	return usdtpay_ssrf_allowed((struct sockaddr *) &v6, allow_private);
}

/* First and last address of every refused range, and the neighbours outside it. */
static void
test_ranges(void)
{
	static const char *const refused[] = {"0.0.0.0",          "0.255.255.255",    "169.254.0.0",
										  "169.254.169.254",  "169.254.255.255",  "192.0.0.0",
										  "192.0.0.192",      "192.0.0.255",      "192.0.2.1",
										  "192.88.99.1",      "198.18.0.0",       "198.19.255.255",
										  "198.51.100.7",     "203.0.113.7",      "224.0.0.1",
										  "239.255.255.255",  "240.0.0.1",        "255.255.255.255",
										  "100.100.100.200",  "168.63.129.16",    "::",
										  "::ffff:127.0.0.1", "::ffff:8.8.8.8",   "::127.0.0.1",
										  "64:ff9b::7f00:1",  "64:ff9b:1::1",     "100::1",
										  "2001::1",          "2001:1ff:ffff::1", "2001:db8::1",
										  "2002:7f00:1::1",   "3fff::1",          "3fff:0fff::1",
										  "4000::1",          "5f00::1",          "fd00:ec2::254",
										  "fe80::1",          "fec0::1",          "ff02::1"};
	static const char *const inner[] = {"10.0.0.0",        "10.255.255.255",  "100.64.0.0",
										"100.127.255.255", "127.0.0.0",       "127.0.0.1",
										"127.255.255.255", "172.16.0.0",      "172.31.255.255",
										"192.168.0.0",     "192.168.255.255", "::1",
										"fc00::1",         "fdff:ffff::1"};
	static const char *const open[] = {
		"1.0.0.0",         "8.8.8.8",         "9.255.255.255",   "11.0.0.0",
		"100.63.255.255",  "100.128.0.0",     "126.255.255.255", "128.0.0.0",
		"169.253.255.255", "169.255.0.0",     "172.15.255.255",  "172.32.0.0",
		"192.0.1.0",       "192.167.255.255", "192.169.0.0",     "198.17.255.255",
		"198.20.0.0",      "223.255.255.255", "2001:200::1",     "2001:4860:4860::8888",
		"2003::1",         "2606:4700::1111", "3ffe:ffff::1",    "3fff:1000::1"};
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		ok(!allowed(refused[i], false) && !allowed(refused[i], true), "%s: never", refused[i]);
	for (i = 0; i < sizeof(inner) / sizeof(inner[0]); i++)
		ok(!allowed(inner[i], false) && allowed(inner[i], true), "%s: private", inner[i]);
	for (i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		ok(allowed(open[i], false), "%s: public", open[i]);
}

static void
test_other_families(void)
{
	struct sockaddr_un local = {.sun_family = AF_UNIX};

	ok(!usdtpay_ssrf_allowed((struct sockaddr *) &local, true), "a local socket: never");
}

/* Ways to write loopback and metadata addresses, and URLs parsers disagree about. */
static void
test_bypass(void)
{
	static const char *const ssrf_bypass[] = {"http://127.0.0.1/",
											  "http://2130706433/",
											  "http://0x7f.1/",
											  "http://0/",
											  "http://localhost/",
											  "http://LOCALHOST./",
											  "http://[::1]/",
											  "http://[::ffff:127.0.0.1]/",
											  "http://169.254.169.254/latest/meta-data/",
											  "http://017700000001/",
											  "http://127.1/",
											  "http://0177.0.0.1/",
											  "http://0x7f000001/",
											  "http://[fd00:ec2::254]/",
											  "http://metadata.google.internal/",
											  "http://printer.local/",
											  "http://intranet/",
											  "http://a.localhost/",
											  "file:///etc/passwd",
											  "gopher://example.com/_x",
											  "dict://example.com/",
											  "ftp://example.com/",
											  "//example.com/",
											  "example.com",
											  "",
											  "http:example.com",
											  "http:/example.com",
											  "http://",
											  "http:///x",
											  "http://?x",
											  "http://user@example.com/",
											  "http://user:pw@example.com/",
											  "http://example.com@10.0.0.1/",
											  "http://example.com\\@10.0.0.1/",
											  "http://10.0.0.1#@example.com/",
											  "http://10.0.0.1%2f@example.com/",
											  "http://exa mple.com/",
											  "http://example.com/\r\nX: y",
											  "http://example.com/\t",
											  "http://ex\xc3\xa4mple.com/",
											  "http://example.com/\x7f",
											  "http://ex%61mple.com/",
											  "http://[::1",
											  "http://[::1]x/",
											  "http://[fe80::1%25lo]/",
											  "http://example.com:/",
											  "http://example.com:22/",
											  "http://example.com:6379/",
											  "http://example.com:0/",
											  "http://example.com:65616/",
											  "http://example.com:4294967376/",
											  "http://example.com:80:80/",
											  "http://example.com:+80/",
											  "http://example.com:8a/"};
	size_t i;

	for (i = 0; i < sizeof(ssrf_bypass) / sizeof(ssrf_bypass[0]); i++)
		ok(usdtpay_url_problem(ssrf_bypass[i], &ssrf_http) != NULL, "refuses %.*s",
		   (int) strcspn(ssrf_bypass[i], "\r\n"), ssrf_bypass[i]);
}

static void
test_urls(void)
{
	char url[USDTPAY_URL_MAX + 2];

	ok(usdtpay_url_problem("https://shop.example/hooks?x=1&y=a@b", &ssrf_strict) == NULL,
	   "https with path and query");
	ok(usdtpay_url_problem("HTTPS://shop.example", &ssrf_strict) == NULL, "no path, capitals");
	ok(usdtpay_url_problem("https://shop.example:8443/", &ssrf_strict) == NULL, "a listed port");
	ok(usdtpay_url_problem("https://8.8.8.8/", &ssrf_strict) == NULL, "a public IPv4");
	ok(usdtpay_url_problem("https://[2606:4700::1111]:443/", &ssrf_strict) == NULL, "an IPv6");
	ok(usdtpay_url_problem("http://shop.example/", &ssrf_strict) != NULL, "http is refused");
	ok(usdtpay_url_problem("http://shop.example/", &ssrf_http) == NULL, "unless allowed");
	ok(usdtpay_url_problem("http://127.0.0.1:7000/", &ssrf_private) == NULL, "loopback, allowed");
	ok(usdtpay_url_problem("http://localhost:7000/", &ssrf_private) == NULL, "by name as well");
	ok(usdtpay_url_problem("http://169.254.169.254/", &ssrf_private) != NULL,
	   "metadata stays refused");
	ok(usdtpay_url_problem("http://127.0.0.1:7001/", &ssrf_private) != NULL,
	   "and ports not listed");
	memset(url, 'a', sizeof(url));
	memcpy(url, "https://shop.example/", 21);
	url[USDTPAY_URL_MAX] = '\0';
	ok(usdtpay_url_problem(url, &ssrf_strict) == NULL, "2048 bytes");
	url[USDTPAY_URL_MAX] = 'a';
	url[USDTPAY_URL_MAX + 1] = '\0';
	ok(usdtpay_url_problem(url, &ssrf_strict) != NULL, "2049 bytes are too many");
}

int
main(void)
{
	test_ranges();
	test_other_families();
	test_bypass();
	test_urls();
	return tap_done();
}
