/* SPDX-License-Identifier: PostgreSQL
 *
 * head.c: which block number to believe when nodes disagree.
 *
 * One node that runs ahead must not drag the scanner beyond what the others can confirm, and one
 * that hangs must not hold it back: numbers too high for the time passed are dropped, the rest
 * is grouped, the largest group wins, and its lowest member is what all of it can serve.
 */
#include "head.h"

int64_t
usdtpay_head_ceiling(int64_t last, int64_t elapsed_ms, int64_t block_ms)
{
	if (last <= 0)
		return 0;
	if (elapsed_ms < 0)
		elapsed_ms = 0;
	return last + 2 * (elapsed_ms / block_ms + 1) + 5;
}

/* Keeps what is plausible, sorted.  Out: kept[count].  Returns: how many. */
static size_t
head_sort(int64_t *kept, const int64_t *heads, size_t count, int64_t ceiling)
{
	size_t n = 0;
	size_t i;

	for (i = 0; i < count && n < USDTPAY_HEAD_MAX; i++)
	{
		size_t at = n;

		if (heads[i] < 1 || (ceiling > 0 && heads[i] > ceiling))
			continue;
		for (; at > 0 && kept[at - 1] > heads[i]; at--)
			kept[at] = kept[at - 1];
		kept[at] = heads[i];
		n++;
	}
	return n;
}

int64_t
usdtpay_head_served(const int64_t *heads, size_t count, int64_t spread, int64_t ceiling)
{
	int64_t kept[USDTPAY_HEAD_MAX];
	size_t n = head_sort(kept, heads, count, ceiling);
	size_t best = 0;
	int64_t served = 0;
	size_t first = 0;

	while (first < n)
	{
		size_t last = first;

		while (last + 1 < n && kept[last + 1] - kept[last] <= spread)
			last++;
		if (last - first + 1 >= best)
		{
			best = last - first + 1;
			served = kept[first];
		}
		first = last + 1;
	}
	return served;
}
