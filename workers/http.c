/* SPDX-License-Identifier: PostgreSQL
 *
 * http.c: bounded HTTP for workers, the only file that knows libcurl.
 *
 * Invariants: everything curl touches is malloc'd and owned by a call in the pool's list, so a
 * tick that ends in an error is cleaned up by usdtpay_http_pool_reset() and leaks nothing;
 * callbacks never throw (a longjmp across libcurl's frames is undefined), they return a short
 * count and note why; waiting is sliced so that a signal is answered while a server hangs.
 * Bodies, headers and URLs never reach a log line or an error text.
 */
#include "postgres.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <strings.h>
#include <unistd.h>

#include "miscadmin.h"
#include "portability/instr_time.h"

#include "errors.h"
#include "http.h"
#include "worker.h"

#define HTTP_SLICE_MS        100
#define HTTP_HEADER_MAX      (64 * 1024)
#define HTTP_BODY_DEFAULT    (1024 * 1024)
#define HTTP_HELD_MAX        ((size_t) 128 * 1024 * 1024)
#define HTTP_CONNECT_MS      5000
#define HTTP_TOTAL_MS        10000
#define HTTP_RETRY_AFTER_MAX 86400

struct UsdtpayHttpCall
{
	UsdtpayHttpPool *pool;
	UsdtpayHttpCall *next;
	CURL *easy;
	struct curl_slist *headers;
	char *body_out;
	char *body_in;
	size_t in_len;
	size_t in_cap;
	size_t in_max;
	size_t header_bytes;
	bool too_large;
	bool filtered;
	bool returned; /* next() has handed it out */
	UsdtpayHttpFilter filter;
	void *filter_arg;
	void *tag;
	instr_time began;
	UsdtpayHttpAnswer answer;
};

struct UsdtpayHttpPool
{
	CURLM *multi;
	UsdtpayHttpCall *calls;
	int in_flight;
	int max_in_flight;
	size_t held; /* bytes of bodies in memory */
};

/* Raises the error of a libcurl call that can only fail for want of memory. */
static void
http_check(bool ok)
{
	if (!ok)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
						errdetail("The HTTP library could not set up a request.")));
}

/* Creates a pool; it lives as long as the process.  max_per_host bounds connections. */
UsdtpayHttpPool *
usdtpay_http_pool_create(int max_in_flight, int max_per_host)
{
	static bool initialised = false;
	UsdtpayHttpPool *pool;

	if (!initialised)
	{
		http_check(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
		initialised = true;
	}
	pool = calloc(1, sizeof(*pool));
	http_check(pool != NULL);
	pool->max_in_flight = max_in_flight;
	pool->multi = curl_multi_init();
	http_check(pool->multi != NULL);
	curl_multi_setopt(pool->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long) max_per_host);
	curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, (long) max_in_flight);
	return pool;
}

/* Tells how many more calls may be submitted now. */
int
usdtpay_http_room(const UsdtpayHttpPool *pool)
{
	return pool->max_in_flight - pool->in_flight;
}

/* Takes body bytes, decompressed; a short count aborts the transfer. */
static size_t
http_on_body(char *data, size_t size, size_t count, void *arg)
{
	UsdtpayHttpCall *call = arg;
	size_t len = size * count;
	size_t need;

	if (len > call->in_max - call->in_len)
	{
		call->too_large = true;
		return 0;
	}
	need = call->in_len + len + 1;
	if (need > call->in_cap)
	{
		size_t cap = Max(need, call->in_cap + call->in_cap / 2);
		size_t held = call->pool->held - call->in_cap + cap;
		char *grown;

		call->too_large = held > Max(HTTP_HELD_MAX, 4 * call->in_max);
		grown = call->too_large ? NULL : realloc(call->body_in, cap);
		if (grown == NULL)
			return 0;
		call->pool->held = held;
		call->body_in = grown;
		call->in_cap = cap;
	}
	memcpy(call->body_in + call->in_len, data, len);
	call->in_len += len;
	call->body_in[call->in_len] = '\0';
	return len;
}

/* Counts header bytes and reads Retry-After when it is in seconds. */
static size_t
http_on_header(char *data, size_t size, size_t count, void *arg)
{
	static const char name[] = "retry-after:";
	UsdtpayHttpCall *call = arg;
	size_t len = size * count;
	size_t at = sizeof(name) - 1;
	int64 seconds = 0;

	call->header_bytes += len;
	if (call->header_bytes > HTTP_HEADER_MAX)
	{
		call->too_large = true;
		return 0;
	}
	if (len <= at || strncasecmp(data, name, at) != 0)
		return len;
	while (at < len && data[at] == ' ')
		at++;
	if (at == len || data[at] < '0' || data[at] > '9')
		return len;
	for (; at < len && data[at] >= '0' && data[at] <= '9' && seconds < HTTP_RETRY_AFTER_MAX; at++)
		seconds = seconds * 10 + (data[at] - '0');
	call->answer.retry_after_ms = Min(seconds, HTTP_RETRY_AFTER_MAX) * 1000;
	return len;
}

/* Opens the socket unless the caller's filter refuses the address. */
static curl_socket_t
http_on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	UsdtpayHttpCall *call = arg;

	if (call->filter != NULL && !call->filter(&address->addr, call->filter_arg))
	{
		call->filtered = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Sets what every call has in common: limits and what is never allowed. */
static void
http_harden(CURL *easy, const UsdtpayHttpRequest *request)
{
	int total = request->total_ms > 0 ? request->total_ms : HTTP_TOTAL_MS;
	int connect = request->connect_ms > 0 ? request->connect_ms : HTTP_CONNECT_MS;

#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) connect);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) total);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 65536L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* A name server that hangs must not hang the clean-up of the call it delayed. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
}

/* Copies headers and body into the call.  Returns: false when out of memory. */
static bool
http_fill(UsdtpayHttpCall *call, const UsdtpayHttpRequest *request)
{
	size_t i;

	for (i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
	{
		struct curl_slist *longer = curl_slist_append(call->headers, request->headers[i]);

		if (longer == NULL)
			return false;
		call->headers = longer;
	}
	if (request->body == NULL)
		return true;
	call->body_out = malloc(request->body_len + 1);
	if (call->body_out == NULL)
		return false;
	memcpy(call->body_out, request->body, request->body_len);
	call->body_out[request->body_len] = '\0';
	return true;
}

/* Tells curl what to send and where the answer goes.  Returns: false when out of memory. */
static bool
http_aim(UsdtpayHttpCall *call, const UsdtpayHttpRequest *request)
{
	CURL *easy = call->easy;

	http_harden(easy, request);
	if (curl_easy_setopt(easy, CURLOPT_URL, request->url) != CURLE_OK)
		return false;
	if (call->body_out != NULL)
	{
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body_out);
	}
	if (request->method != NULL)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, http_on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, http_on_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) call->in_max);
	return true;
}

/* Unlinks and frees a call, ending it if it still runs. */
void
usdtpay_http_release(UsdtpayHttpCall *call)
{
	UsdtpayHttpCall **link = &call->pool->calls;

	while (*link != NULL && *link != call)
		link = &(*link)->next;
	if (*link == call)
		*link = call->next;
	if (call->easy != NULL)
	{
		curl_multi_remove_handle(call->pool->multi, call->easy);
		curl_easy_cleanup(call->easy);
		if (call->answer.outcome == USDTPAY_HTTP_PENDING)
			call->pool->in_flight--;
	}
	call->pool->held -= call->in_cap;
	curl_slist_free_all(call->headers);
	free(call->body_out);
	free(call->body_in);
	free(call);
}

/* Ends and frees every call of the pool; connections stay for reuse. */
void
usdtpay_http_pool_reset(UsdtpayHttpPool *pool)
{
	while (pool->calls != NULL)
		usdtpay_http_release(pool->calls);
}

/* Drives transfers.  Resolver threads are born here, with every signal blocked: a handler that
 * ran in one of them would set the latch of a thread PostgreSQL does not know. */
static void
http_perform(UsdtpayHttpPool *pool)
{
	sigset_t all;
	sigset_t before;
	int running;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	curl_multi_perform(pool->multi, &running);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Starts a call.  The caller keeps within usdtpay_http_room(); no transaction may be open. */
UsdtpayHttpCall *
usdtpay_http_submit(UsdtpayHttpPool *pool, const UsdtpayHttpRequest *request)
{
	UsdtpayHttpCall *call;
	bool ok;

	if (usdtpay_http_room(pool) <= 0)
		elog(ERROR, "too many HTTP calls in flight");
	call = calloc(1, sizeof(*call));
	http_check(call != NULL);
	call->pool = pool;
	call->next = pool->calls;
	pool->calls = call;
	pool->in_flight++;
	call->in_max = request->max_bytes > 0 ? request->max_bytes : HTTP_BODY_DEFAULT;
	call->filter = request->filter;
	call->filter_arg = request->filter_arg;
	call->tag = request->tag;
	call->answer.retry_after_ms = -1;
	INSTR_TIME_SET_CURRENT(call->began);
	call->easy = curl_easy_init();
	if (call->easy == NULL)
		pool->in_flight--;
	ok = call->easy != NULL && http_fill(call, request) && http_aim(call, request) &&
		 curl_multi_add_handle(pool->multi, call->easy) == CURLM_OK;
	if (!ok)
		usdtpay_http_release(call);
	http_check(ok);
	http_perform(pool);
	return call;
}

/* Sorts a curl result into an outcome and a text that gives nothing away. */
static void
http_judge(UsdtpayHttpCall *call, CURLcode code)
{
	UsdtpayHttpAnswer *answer = &call->answer;

	answer->error = curl_easy_strerror(code);
	switch (code)
	{
		case CURLE_OK:
			answer->outcome = USDTPAY_HTTP_ANSWERED;
			answer->error = NULL;
			break;
		case CURLE_OPERATION_TIMEDOUT:
			answer->outcome = USDTPAY_HTTP_TIMEOUT;
			break;
		case CURLE_URL_MALFORMAT:
		case CURLE_UNSUPPORTED_PROTOCOL:
			answer->outcome = USDTPAY_HTTP_REFUSED;
			break;
		case CURLE_COULDNT_RESOLVE_HOST:
		case CURLE_COULDNT_CONNECT:
		case CURLE_SSL_CONNECT_ERROR:
		case CURLE_PEER_FAILED_VERIFICATION:
			answer->outcome = USDTPAY_HTTP_UNREACHABLE;
			break;
		default:
			answer->outcome = USDTPAY_HTTP_BROKEN;
	}
	if (call->too_large || code == CURLE_FILESIZE_EXCEEDED)
	{
		answer->outcome = USDTPAY_HTTP_TOO_LARGE;
		answer->error = "Answer larger than allowed";
	}
	if (call->filtered && code != CURLE_OK)
	{
		answer->outcome = USDTPAY_HTTP_REFUSED;
		answer->error = "Address not allowed";
	}
}

/* Writes down how a transfer ended. */
static void
http_finish(UsdtpayHttpCall *call, CURLcode code)
{
	instr_time took;
	long status = 0;

	INSTR_TIME_SET_CURRENT(took);
	INSTR_TIME_SUBTRACT(took, call->began);
	call->answer.elapsed_ms = INSTR_TIME_GET_MILLISEC(took);
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	http_judge(call, code);
	call->answer.status = (int) status;
	call->answer.body = call->body_in != NULL ? call->body_in : "";
	call->answer.body_len = call->in_len;
	call->pool->in_flight--;
	/* Hand the connection back now: the call may be kept for a while. */
	curl_multi_remove_handle(call->pool->multi, call->easy);
	curl_easy_cleanup(call->easy);
	call->easy = NULL;
}

/* Finishes whatever curl has completed. */
static void
http_collect(UsdtpayHttpPool *pool)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(pool->multi, &left)) != NULL)
	{
		UsdtpayHttpCall *call = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &call);
		http_finish(call, message->data.result);
	}
}

/* Finds a finished call nobody has been given yet. */
static UsdtpayHttpCall *
http_take(UsdtpayHttpPool *pool)
{
	UsdtpayHttpCall *call;

	for (call = pool->calls; call != NULL; call = call->next)
	{
		if (call->returned || call->answer.outcome == USDTPAY_HTTP_PENDING)
			continue;
		call->returned = true;
		return call;
	}
	return NULL;
}

/* Waits for the next finished call.  Each is returned once; the caller releases it.
 * Returns: NULL after timeout_ms, or at once when nothing is in flight.  Signals are answered
 * within a slice; a fatal one ends the process from here. */
UsdtpayHttpCall *
usdtpay_http_next(UsdtpayHttpPool *pool, int timeout_ms)
{
	instr_time began;
	UsdtpayHttpCall *call;

	INSTR_TIME_SET_CURRENT(began);
	for (;;)
	{
		instr_time now;
		int left;

		usdtpay_worker_interrupts();
		http_perform(pool);
		http_collect(pool);
		call = http_take(pool);
		if (call != NULL || pool->in_flight == 0)
			return call;
		INSTR_TIME_SET_CURRENT(now);
		INSTR_TIME_SUBTRACT(now, began);
		left = timeout_ms - (int) INSTR_TIME_GET_MILLISEC(now);
		if (left <= 0)
			return NULL;
		curl_multi_poll(pool->multi, NULL, 0, Min(left, HTTP_SLICE_MS), NULL);
	}
}

/* Tells whether the call has ended. */
bool
usdtpay_http_done(const UsdtpayHttpCall *call)
{
	return call->answer.outcome != USDTPAY_HTTP_PENDING;
}

/* Gives the answer; the call must have ended. */
const UsdtpayHttpAnswer *
usdtpay_http_answer(const UsdtpayHttpCall *call)
{
	Assert(usdtpay_http_done(call));
	return &call->answer;
}

/* Gives what the caller attached. */
void *
usdtpay_http_tag(const UsdtpayHttpCall *call)
{
	return call->tag;
}
