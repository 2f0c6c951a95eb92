/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes as an ELF file whose unwind rows are wanted; and the same bytes as the section of a
 * file that is in order otherwise, so that no luck is needed to get to what lies deep. Small
 * libraries are good seeds for the one, their .eh_frame and .debug_frame (objcopy -O binary -j
 * SECTION) for the other.
 */
#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "unwind/rows.h"

#define CODE_SZ 65536

/* Sorted, no two alike in a row, and found again. */
static void check_rows(const struct unwind_rows *rows)
{
	for (size_t i = 0; i < rows->cnt; i++) {
		const struct unwind_row *row = &rows->rows[i];

		if (unwind_rows__find(rows, row->file_offset) != row->rule)
			abort();
		if (i > 0 && (row->file_offset <= row[-1].file_offset || row->rule == row[-1].rule))
			abort();
	}
	if (rows->cnt > 0 && rows->rows[rows->cnt - 1].rule != UNWIND_NONE)
		abort();
}

static void build(const struct iovec *parts, int part_cnt)
{
	struct unwind_rows rows = {0};
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || writev(fd, parts, part_cnt) < 0)
		abort();
	if (unwind_rows__build(fd, &rows) == 0)
		check_rows(&rows);
	unwind_rows__destroy(&rows);
	close(fd);
}

struct headers {
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	Elf64_Shdr sections[3]; /* none, the bytes, names */
	char names[16];
};

/* The code lies from address 0 on, so that small numbers are addresses of it, and reaches as far
 * behind the section as before: so are small differences. */
static struct headers describe(size_t sz)
{
	return (struct headers){
		.header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB},
			.e_machine = EM_X86_64,
			.e_phoff = offsetof(struct headers, segment),
			.e_shoff = offsetof(struct headers, sections),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1,
			.e_shentsize = sizeof(Elf64_Shdr),
			.e_shnum = 3,
			.e_shstrndx = 2},
		.segment = {.p_type = PT_LOAD, .p_flags = PF_X, .p_filesz = CODE_SZ},
		.sections = {[0] = {.sh_name = 15}, /* the empty name */
			[1] = {.sh_type = SHT_PROGBITS,
				.sh_addr = CODE_SZ / 2,
				.sh_offset = sizeof(struct headers),
				.sh_size = sz},
			[2] = {.sh_offset = offsetof(struct headers, names), .sh_size = 16}},
	};
}

static void build_section(const char name[16], const struct iovec *bytes)
{
	struct headers headers = describe(bytes->iov_len);

	for (size_t i = 0; i < sizeof(headers.names); i++)
		headers.names[i] = name[i];
	build((const struct iovec[]){{&headers, sizeof(headers)}, *bytes}, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t sz)
{
	static const char eh_frame[16] = ".eh_frame", debug_frame[16] = ".debug_frame";
	const struct iovec bytes = {(void *)data, sz};

	build(&bytes, 1);
	build_section(eh_frame, &bytes);
	build_section(debug_frame, &bytes);
	return 0;
}
