/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Questions about the table of allocator functions, and where a file defines them. */
#ifndef HEAPTAP_PROBE_FUNCTIONS_H
#define HEAPTAP_PROBE_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An allocator function that a file defines. */
struct definition {
	uint16_t function;   /* index into allocator_functions */
	uint64_t address;    /* as its ELF file counts */
	uint64_t size;	     /* 0: not told */
	bool may_throw;	     /* under one of its names */
	const char *problem; /* why it cannot be probed; NULL: it can */
};

/* The row of a symbol; name_cap bytes of it may be read, its end may lie beyond them. */
bool allocator_function__find(const char *name, size_t name_cap, uint16_t *ret_function);

bool allocator_function__is_operator(uint16_t function); /* C++'s new, delete */
bool allocator_function__is_free(uint16_t function);
bool allocator_function__is_malloc(uint16_t function);
bool allocator_function__maps(uint16_t function); /* no allocator: mmap and the like */
bool allocator_function__is_mmap(uint16_t function);
/* An exception may leave it: C++'s new without nothrow_t ([new.delete.single]), by whatever name.
 */
bool allocator_function__may_throw(uint16_t function);

/* The registers with arguments that the row needs: bit n - 1 is argument n. */
uint8_t allocator_function__args(uint16_t function);

uint64_t allocator_function__cookie(uint16_t function);

#endif
