/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Asks the allocator: for sizes, for its state, and to give memory back. */
#include <malloc.h>
#include "expect.h"

int main(void)
{
	void *block = malloc(100);
	size_t sizes = 0;

	for (int i = 0; i < 1000; i++)
		sizes += malloc_usable_size(escape(block));
	for (int i = 0; i < 3; i++)
		malloc_trim(0);
	require(sizes && mallinfo2().uordblks, "nothing in use");
	free(block);
	say("QUERIES sizes=1000 trims=3 state=1");
	return 0;
}
