/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of allocator functions: the rows of include/heaptap/allocators.def, which are looked
 * for in every file, and behind them the rows that a user has declared (declare.h), which are
 * looked for in the files of their group only. What an event's `function` means is a row's number.
 *
 * The table is filled before anything is probed, by one thread, and does not change after that.
 */
#ifndef HEAPTAP_PROBE_FUNCTIONS_H
#define HEAPTAP_PROBE_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What was declared together, for some files. */
struct allocator_group {
	const char *name;
	const char *const
		*files; /* fnmatch(3) patterns: with a slash of a path, else of its last part */
	size_t file_cnt;
};

struct allocator_function {
	const char *name;
	uint8_t role; /* enum alloc_role */
	uint8_t size_arg, count_arg, block_arg, out_arg;
	/* of declared functions only */
	uint8_t arena_arg;
	bool throws;
	bool grows;			     /* COOKIE_F_GROWS */
	bool optional;			     /* not every version of the files has it */
	bool by_offset;			     /* not by its symbol, which is `name` */
	uint64_t file_offset;		     /* of its entry */
	const struct allocator_group *group; /* NULL: built in */
	const char *declared_at;	     /* "FILE:LINE" */
};
extern const struct allocator_function *allocator_functions;
extern size_t allocator_function_cnt;

/* An allocator function that a file defines. */
struct definition {
	uint16_t function;   /* index into allocator_functions */
	uint64_t address;    /* as its ELF file counts */
	uint64_t size;	     /* 0: not told */
	bool may_throw;	     /* under one of its names */
	bool is_wanted;	     /* by a spy, under the name that it has here */
	bool inner_counts;   /* what it calls is probed, too */
	uint8_t families;    /* of all its names; enum alloc_family */
	const char *problem; /* why it cannot be probed; NULL: it can */
};

/* Adds declared rows, whose strings and group stay the caller's and must live on. 0, -ENOMEM, or
 * -E2BIG: there are too many. */
int allocator_functions__add(const struct allocator_function *rows, size_t row_cnt);

/* Whether the built-in queries (ROLE_QUERY) are looked for. At first they are not. */
void allocator_functions__count_queries(bool count);
/* Whether the one that tells of a process's end (QUERY_EXIT) is. */
void allocator_functions__see_exits(bool see);

/* The built-in row of a symbol; name_cap bytes of it may be read, its end may lie beyond them. */
bool allocator_function__find(const char *name, size_t name_cap, uint16_t *ret_function);

/* Whether a declared row is for a file (a path as a process sees it). */
bool allocator_function__is_for(uint16_t function, const char *path);

/* Whether any is. */
bool allocator_functions__are_for(const char *path);

/* Whether it is the row of a symbol, read as above. */
bool allocator_function__is_named(uint16_t function, const char *name, size_t name_cap);

bool allocator_function__is_declared(uint16_t function);
bool allocator_function__is_operator(uint16_t function); /* C++'s new, delete */
bool allocator_function__is_free(uint16_t function);
bool allocator_function__is_query(uint16_t function);
bool allocator_function__is_malloc(uint16_t function);
bool allocator_function__maps(uint16_t function); /* no allocator: mmap and the like */
bool allocator_function__is_mmap(uint16_t function);
/* An exception may leave it: C++'s new without nothrow_t ([new.delete.single]), by whatever name.
 */
bool allocator_function__may_throw(uint16_t function);

/* The registers with arguments that the row needs: bit n - 1 is argument n. */
uint8_t allocator_function__args(uint16_t function);

/* From here on frees are to be checked: they are followed to their returns, and C++'s operators are
 * probed wherever they are, for the name by which a block was asked for. Before the first scan. */
void allocator_functions__check(void);
bool allocator_functions__are_checked(void);

/* One of enum alloc_family; 0: none that others are of. */
uint8_t allocator_function__family(uint16_t function);

uint64_t allocator_function__cookie(uint16_t function);

#endif
