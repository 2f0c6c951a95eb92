/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * spied_new CALLS: each of C++'s operators, around malloc and free of the C library; some fail,
 * with an exception that is caught or none. Prints a line for each call, in order:
 *
 *   OPERATOR SIZE RESULT      (operator new, new[]; RESULT 0: nothing, "left": an exception)
 *   OPERATOR ADDRESS          (operator delete, delete[])
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace
{

constexpr auto ALIGNMENT = std::align_val_t{64};

struct entry {
	const char *name;
	std::uint64_t number, result;
	bool is_new, left;
};

entry entries[100000];
std::size_t entry_cnt;

void note_new(const char *name, std::size_t n, void *result, bool left)
{
	entries[entry_cnt++] = {name, n, reinterpret_cast<std::uint64_t>(result), true, left};
}

void note_delete(const char *name, void *block)
{
	entries[entry_cnt++] = {name, reinterpret_cast<std::uint64_t>(block), 0, false, false};
}

#define ALLOCATE(name, ...)                                                                        \
	({                                                                                         \
		void *block_ = nullptr;                                                            \
		try {                                                                              \
			block_ = ::operator __VA_ARGS__;                                           \
			note_new(name, n, block_, false);                                          \
		} catch (const std::bad_alloc &) {                                                 \
			note_new(name, n, nullptr, true);                                          \
		}                                                                                  \
		block_;                                                                            \
	})

void *allocate(unsigned which, std::size_t n)
{
	switch (which) {
	case 0:
		return ALLOCATE("_Znwm", new (n));
	case 1:
		return ALLOCATE("_Znam", new[](n));
	case 2:
		return ALLOCATE("_ZnwmRKSt9nothrow_t", new (n, std::nothrow));
	case 3:
		return ALLOCATE("_ZnamRKSt9nothrow_t", new[](n, std::nothrow));
	case 4:
		return ALLOCATE("_ZnwmSt11align_val_t", new (n, ALIGNMENT));
	default:
		return ALLOCATE("_ZnamSt11align_val_t", new[](n, ALIGNMENT));
	}
}

void give_back(unsigned which, void *block)
{
	switch (which) {
	case 0:
		note_delete("_ZdlPv", block);
		return ::operator delete(block);
	case 1:
		note_delete("_ZdaPvm", block);
		return ::operator delete[](block, 1);
	case 2:
		note_delete("_ZdlPvRKSt9nothrow_t", block);
		return ::operator delete(block, std::nothrow);
	case 3:
		note_delete("_ZdaPvRKSt9nothrow_t", block);
		return ::operator delete[](block, std::nothrow);
	case 4:
		note_delete("_ZdlPvSt11align_val_t", block);
		return ::operator delete(block, ALIGNMENT);
	default:
		note_delete("_ZdaPvSt11align_val_t", block);
		return ::operator delete[](block, ALIGNMENT);
	}
}

} // namespace

int main(int argc, char **argv)
{
	unsigned long cnt = argc > 1 ? std::strtoul(argv[1], nullptr, 0) : 100;

	for (unsigned long i = 0; i < cnt && entry_cnt < 99990; i++) {
		std::size_t n = i % 5 == 4 ? PTRDIFF_MAX - 8192 : 10 + i % 700;
		void *block = allocate(i % 6, n);

		if (block)
			give_back(i % 6, block);
	}
	for (std::size_t i = 0; i < entry_cnt; i++) {
		const entry &e = entries[i];

		if (!e.is_new)
			std::printf("%s %lx\n", e.name, e.number);
		else if (e.left)
			std::printf("%s %lx left\n", e.name, e.number);
		else
			std::printf("%s %lx %lx\n", e.name, e.number, e.result);
	}
	return 0;
}
