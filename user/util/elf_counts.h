/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libelf takes memory for as many headers as a file says that it has, before anybody can look.
 * Where a number does not fit into the ELF header's 16 bits it stands in the first section header
 * ("extended numbering": gABI, chapter 4), and a sparse file can have any. Only object files need
 * that.
 */
#ifndef HEAPTAP_UTIL_ELF_COUNTS_H
#define HEAPTAP_UTIL_ELF_COUNTS_H

#include <stdbool.h>

/* Its numbers of headers stand in the ELF header. True also of what is no ELF file. */
bool elf_counts__are_plain(int fd);

#endif
