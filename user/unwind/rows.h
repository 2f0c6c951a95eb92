/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Compact unwind rows of one ELF file, from .eh_frame or .debug_frame. */
#ifndef HEAPTAP_UNWIND_ROWS_H
#define HEAPTAP_UNWIND_ROWS_H

#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>
#include <heaptap/unwind.h>

struct unwind_rows {
	struct unwind_row *rows; /* sorted by file_offset, no two alike in a row; own (free) */
	size_t cnt;
	size_t unsupported; /* of the file's CFI rows, those that no rule can express */
};

/*
 * Builds the rows of the ELF file at `fd`. 0, also when it has no CFI (cnt 0), or -errno: -ENOEXEC
 * no ELF file, -ENOTSUP another machine or class than x86-64, -EIO malformed so that nothing is
 * usable, -EFBIG code beyond 4 GiB of the file or more than 64 MiB of CFI, -ENOMEM. Every byte of
 * the file is hostile.
 */
int unwind_rows__build(int fd, struct unwind_rows *ret_rows);
void unwind_rows__destroy(struct unwind_rows *rows);

/* The rule that holds at a file offset; UNWIND_NONE where there is none. */
uint32_t unwind_rows__find(const struct unwind_rows *rows, uint64_t file_offset);

#endif
