/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where separate debug files are looked for:
 *   1. /usr/lib/debug, by build ID, then by path: libdwfl's own search. If DEBUGINFOD_URLS is set,
 *      elfutils also asks those servers.
 *   2. beside the file and in .debug/ there, by the name in .gnu_debuglink (GDB manual, "Separate
 *      Debug Files"). Targets may write there. So libdwfl is not let to search it: a fifo would
 *      block it, a device would be opened. What is found must have the same build ID, or without
 *      one the CRC of the link, and is copied, so that nobody can cut it short while it is mapped.
 *
 * The name in .gnu_debugaltlink (dwz) is any path; libdw opens it as it is. So it is followed only
 * from debug files of /usr/lib/debug, never from a target's own file: separate__is_shared.
 */
#include "symbol/separate.h"

#include <errno.h>
#include <elfutils/libdwelf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include "symbol/target_file.h"

#define COPY_SZ 65536
#define COPY_SZ_MAX (2UL << 30) /* bytes of a debug file beside a target that are copied */

bool separate__is_shared(Elf *elf)
{
	size_t names;
	GElf_Shdr header;
	Elf_Scn *section = NULL;
	const char *name;

	if (elf_getshdrstrndx(elf, &names) != 0)
		return false;
	while ((section = elf_nextscn(elf, section))) {
		name = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name)
						      : NULL;
		if (name && strcmp(name, ".gnu_debugaltlink") == 0)
			return true;
	}
	return false;
}

/* Returns a memory file with the fd's bytes and their CRC, or -errno. */
static int copy(int from, GElf_Word *ret_crc)
{
	int to = memfd_create("debug", MFD_CLOEXEC);
	uint8_t buf[COPY_SZ];
	uint32_t crc = crc32(0, NULL, 0);
	size_t total = 0;
	ssize_t sz;

	if (to < 0)
		return -errno;
	while ((sz = read(from, buf, sizeof(buf))) > 0) {
		total += sz;
		if (total > COPY_SZ_MAX || write(to, buf, sz) != sz)
			goto err_out;
		crc = crc32(crc, buf, sz);
	}
	if (sz < 0)
		goto err_out;
	*ret_crc = crc;
	return to;
err_out:
	close(to);
	return -EIO;
}

static bool is_debug_file_of(int fd, GElf_Word fd_crc, Dwfl_Module *module, GElf_Word crc)
{
	const unsigned char *id;
	const void *found;
	GElf_Addr address;
	int id_sz = dwfl_module_build_id(module, &id, &address);
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	bool matches = elf && elf_kind(elf) == ELF_K_ELF && !separate__is_shared(elf);

	if (matches && id_sz > 0)
		matches = dwelf_elf_gnu_build_id(elf, &found) == id_sz &&
			  memcmp(found, id, id_sz) == 0;
	else if (matches)
		matches = fd_crc == crc;
	elf_end(elf);
	return matches;
}

static int open_beside(
	Dwfl_Module *module, const char *path, const char *subdir, const char *link, GElf_Word crc)
{
	const char *slash = strrchr(path, '/');
	int fd, copied = -ENOMEM;
	GElf_Word copy_crc;
	char *name;

	if (!slash || asprintf(&name, "%.*s%s%s", (int)(slash + 1 - path), path, subdir, link) < 0)
		return -ENOENT;
	fd = target_file__open(0, name);
	free(name);
	if (fd < 0)
		return fd;
	copied = copy(fd, &copy_crc);
	close(fd);
	if (copied >= 0 && !is_debug_file_of(copied, copy_crc, module, crc)) {
		close(copied);
		return -ENOENT;
	}
	return copied;
}

int separate__find(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
	const char *path, const char *link, GElf_Word crc, char **ret_path)
{
	const unsigned char *id;
	GElf_Addr address;
	int fd;

	if (!link && dwfl_module_build_id(module, &id, &address) <= 0)
		return -1; /* nothing to tell the right debug file by */
	fd = dwfl_standard_find_debuginfo(module, userdata, name, base, path, link, crc, ret_path);
	if (fd >= 0 || !path || path[0] != '/' || !link || strchr(link, '/'))
		return fd;
	fd = open_beside(module, path, "", link, crc);
	if (fd < 0)
		fd = open_beside(module, path, ".debug/", link, crc);
	return fd < 0 ? -1 : fd;
}
