/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Only 0 and all ones are looked for: they are the same in either byte order. */
#include "util/elf_counts.h"

#include <elf.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

bool elf_counts__are_plain(int fd)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf32_Ehdr of32;
		Elf64_Ehdr of64;
	} header = {0};

	if (pread(fd, &header, sizeof(header), 0) < (ssize_t)sizeof(header.of32) ||
		memcmp(header.ident, ELFMAG, SELFMAG) != 0)
		return true;
	if (header.ident[EI_CLASS] == ELFCLASS64)
		return header.of64.e_phnum != PN_XNUM &&
		       (header.of64.e_shnum || !header.of64.e_shoff);
	return header.of32.e_phnum != PN_XNUM && (header.of32.e_shnum || !header.of32.e_shoff);
}
