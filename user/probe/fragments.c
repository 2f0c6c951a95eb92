/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of landing pads (the language-specific data area) is what GCC and LLVM make for C++;
 * its layout is written down in "Itanium C++ ABI: Exception Handling Tables" by its implementors:
 *
 *   encoding, [base of landing pads] │ encoding, [offset of types] │ encoding, size of call sites
 *   call sites: start, size, landing pad, action │ actions, types: not looked at
 *
 * Without a base, landing pads count from the fragment's start; a landing pad of 0 is none.
 */
#include <dwarf.h>
#include <errno.h>

#include "probe/fragments.h"
#include "unwind/bytes.h"

#define LSDA_SZ_MAX 8192 /* an allocator's function has a few call sites, of four bytes or so */

int fragments__read(const struct elf_image *image, struct fragments *ret_fragments)
{
	struct fragments fragments = {.image = image};
	int err = elf_parts__read(image->fd, &fragments.parts);

	if (!err && fragments.parts.eh_frame.bytes)
		err = cfi__read(&fragments.parts, &fragments.parts.eh_frame, &fragments.cfi);
	if (err == -ENOMEM) {
		fragments__destroy(&fragments);
		return err;
	}
	fragments.unreadable = err != 0;
	*ret_fragments = fragments;
	/* The one pointer into itself. */
	ret_fragments->cfi.section = &ret_fragments->parts.eh_frame;
	return 0;
}

void fragments__destroy(struct fragments *fragments)
{
	if (!fragments)
		return;
	cfi__destroy(&fragments->cfi);
	elf_parts__destroy(&fragments->parts);
}

/* The last one that begins at or before a file offset, or NULL. */
static const struct fde *last_fde(const struct cfi *cfi, uint64_t file_offset)
{
	size_t low = 0, high = cfi->fde_cnt;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (cfi->fdes[middle].start <= file_offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? &cfi->fdes[low - 1] : NULL;
}

bool fragments__find(
	const struct fragments *fragments, uint64_t address, struct fragment *ret_fragment)
{
	const struct elf_segment *segment = elf_image__segment(fragments->image, address);
	const struct fde *fde;
	uint64_t at;

	if (!segment)
		return false;
	at = segment->file_offset + (address - segment->address);
	fde = last_fde(&fragments->cfi, at);
	if (!fde || at >= fde->end)
		return false;
	*ret_fragment = (struct fragment){
		.start = address - (at - fde->start),
		.end = address + (fde->end - at),
		.lsda = fde->lsda,
	};
	return true;
}

/* Reads up to the call sites. False: there is something that can't be read. */
static bool read_lsda_header(
	struct bytes *lsda, uint64_t address, uint64_t *base, uint8_t *ret_encoding)
{
	const uint8_t *first = lsda->at;
	uint8_t encoding = bytes__uint(lsda, 1);
	uint64_t sz;

	if (encoding != DW_EH_PE_omit)
		*base = bytes__pointer(lsda, encoding, first, address);
	if (bytes__uint(lsda, 1) != DW_EH_PE_omit)
		bytes__uleb(lsda);
	*ret_encoding = bytes__uint(lsda, 1) & 0x0f;
	sz = bytes__uleb(lsda);
	if (lsda->failed || sz > (uint64_t)(lsda->end - lsda->at))
		return false;
	lsda->end = lsda->at + sz;
	return true;
}

static bool visit_call_sites(struct bytes *lsda, uint8_t encoding, uint64_t base,
	landing_pad_visitor *visit, void *context)
{
	while (lsda->at < lsda->end) {
		uint64_t pad;

		bytes__pointer(lsda, encoding, lsda->at, 0); /* start */
		bytes__pointer(lsda, encoding, lsda->at, 0); /* size */
		pad = bytes__pointer(lsda, encoding, lsda->at, 0);
		bytes__uleb(lsda); /* action */
		if (lsda->failed || (pad != 0 && !visit(context, base + pad)))
			return false;
	}
	return true;
}

bool fragments__landing_pads(const struct fragments *fragments, const struct fragment *fragment,
	landing_pad_visitor *visit, void *context)
{
	uint64_t base = fragment->start;
	uint8_t buf[LSDA_SZ_MAX], encoding;
	struct bytes lsda = {.at = buf};

	if (fragment->lsda == 0)
		return true;
	if (fragment->lsda == LSDA_UNREADABLE)
		return false;
	lsda.end = buf + elf_image__read(fragments->image, fragment->lsda, buf, sizeof(buf));
	return read_lsda_header(&lsda, fragment->lsda, &base, &encoding) &&
	       visit_call_sites(&lsda, encoding, base, visit, context);
}
