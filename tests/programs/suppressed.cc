// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Leaks by differently named functions, each of a size of its own, from which LeakSanitizer and
 * heaptap are to tell what a file of suppressions matches. Built twice: with the sanitizer too.
 */
#include <cstdlib>
#include <cstring>
#include "expect.h"

namespace app
{
NOINLINE void *plain(std::size_t n) { return escape(std::malloc(n)); }

template <typename T> struct pool {
	NOINLINE static void *get(std::size_t n) { return escape(::operator new(n)); }
};

struct operators {
	NOINLINE void *operator*() { return escape(std::calloc(1, 1030)); }
};
} // namespace app

extern "C" {
NOINLINE void *foo(void) { return escape(std::malloc(1040)); }
NOINLINE void *foofoo(void) { return escape(std::malloc(1050)); }
NOINLINE void *a_b_c(void) { return escape(std::malloc(1060)); }
NOINLINE void *outer(void) { return app::plain(1070); }
NOINLINE void *by_library(void) { return escape(strndup("library", 8)); } /* 8 bytes */
}

int main()
{
	app::operators operators;

	app::plain(1010);
	app::pool<int>::get(1020);
	*operators;
	foo();
	foofoo();
	a_b_c();
	outer();
	by_library();
	/* nothing may be left of the addresses on the stack or in registers */
	escape(std::memset(alloca(8192), 0, 8192));
	return 0;
}
