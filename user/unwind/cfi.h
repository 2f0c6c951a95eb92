/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The entries of a section of call frame information: which program describes which code. */
#ifndef HEAPTAP_UNWIND_CFI_H
#define HEAPTAP_UNWIND_CFI_H

#include <stddef.h>
#include <stdint.h>
#include "unwind/cfa.h"
#include "unwind/elf_parts.h"

struct cie {
	uint32_t section_offset; /* of the entry: its name in FDEs */
	uint8_t encoding;	 /* of addresses in FDEs */
	uint8_t lsda_encoding;	 /* DW_EH_PE_omit: its FDEs have none */
	bool has_augmentation;	 /* so do its FDEs */
	bool is_signal_frame;
	struct cfa_factors factors;
	struct cfa_state initial;
};

#define LSDA_UNREADABLE UINT64_MAX

struct fde {
	uint32_t start, end;		 /* file offsets; start < end */
	uint32_t program_at, program_sz; /* in the section */
	uint32_t cie;			 /* index */
	uint64_t lsda; /* address of the table of its landing pads; 0: none; or LSDA_UNREADABLE */
};

struct cfi {
	const struct cfi_section *section;
	struct cie *cies; /* in the section's order */
	size_t cie_cnt, cie_cap;
	struct fde *fdes; /* by start, then in the section's order */
	size_t fde_cnt, fde_cap;
};

/* Reads the entries of code of the file. Entries that cannot be read are left out. The section
 * stays the caller's and has to stay. 0, -EIO (nothing in it can be read), -ENOMEM. */
int cfi__read(
	const struct elf_parts *parts, const struct cfi_section *section, struct cfi *ret_cfi);
void cfi__destroy(struct cfi *cfi);

#endif
