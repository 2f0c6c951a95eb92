/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows of files that are made byte by byte. */
#ifndef HEAPTAP_TESTS_ROWS_BY_HAND_H
#define HEAPTAP_TESTS_ROWS_BY_HAND_H

#include <stdlib.h>

#include "elf_frames.h"
#include "unwind/rows.h"

#define SP(offset) UNWIND_RULE(UNWIND_RSP, offset, 0, 0)

static const uint8_t nothing[] = {0};
/* What a CIE says here: CFA = sp + 8, return address at CFA - 8. */
static const uint8_t cie_program[] = {0x0c, 7, 8, 0x90, 1};

static inline int build(
	const struct elf_frames *file, const struct frames *frames, struct unwind_rows *rows)
{
	int fd = elf_frames__open(file, frames);
	int err = unwind_rows__build(fd, rows);

	close(fd);
	return err;
}

static inline int build_section(
	const char *name, const struct frames *frames, struct unwind_rows *rows)
{
	struct elf_frames file = elf_frames__describe(name, frames->sz);

	return build(&file, frames, rows);
}

static inline uint32_t find(const struct unwind_rows *rows, uint64_t at)
{
	return unwind_rows__find(rows, ELF_CODE_OFFSET + at);
}

/* A section with a CIE and one FDE for [0, 16). */
static inline struct frames *frames__new(void)
{
	struct frames *frames = calloc(1, sizeof(*frames));

	assert_non_null(frames);
	frames__put_cie(frames);
	frames__put_fde(frames, 0, 0, 16, nothing, 1);
	return frames;
}

#endif
