/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The pieces that a file's functions lie in, as its .eh_frame tells them: where each ends, and its
 * landing pads, which only the unwinder jumps to. A function may have several (its .cold part).
 */
#ifndef HEAPTAP_PROBE_FRAGMENTS_H
#define HEAPTAP_PROBE_FRAGMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/elf_image.h"
#include "unwind/cfi.h"

struct fragments {
	const struct elf_image *image;
	struct elf_parts parts;
	struct cfi cfi;
	bool unreadable; /* there may be more than can be found */
};

struct fragment {
	uint64_t start, end; /* addresses */
	uint64_t lsda;	     /* as in struct fde */
};

/* 0, or -ENOMEM. */
int fragments__read(const struct elf_image *image, struct fragments *ret_fragments);
void fragments__destroy(struct fragments *fragments);

/* The fragment that an address lies in. */
bool fragments__find(
	const struct fragments *fragments, uint64_t address, struct fragment *ret_fragment);

/* A visitor's false ends the visit. */
typedef bool landing_pad_visitor(void *context, uint64_t address);

/* Visits the fragment's landing pads. False: they can't all be told, or a visitor ended it. */
bool fragments__landing_pads(const struct fragments *fragments, const struct fragment *fragment,
	landing_pad_visitor *visit, void *context);

#endif
