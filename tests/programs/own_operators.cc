/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* C++ operators of a program's own, around malloc and free: those that the standard lets it replace
 * ([replacement.functions]); what is not here comes from the library, and calls these. */
#include <cstdlib>
#include <new>

void *operator new(std::size_t n)
{
	if (void *block = malloc(n))
		return block;
	throw std::bad_alloc();
}

void operator delete(void *block) noexcept
{
	free(block);
}

void operator delete(void *block, std::size_t) noexcept
{
	free(block);
}
