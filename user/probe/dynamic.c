/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Read from the program headers, as the loaders do: section headers may be missing. Strings that
 * don't end within PATH_MAX bytes count as absent.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/dynamic.h"
#include "probe/elf_image.h"

#define DYNAMIC_SZ_MAX 65536 /* 4,096 entries; real ones have 30, and one per library */

/* The first program header of a type. */
static bool find_header(const struct elf_image *image, uint32_t type, GElf_Phdr *ret_header)
{
	size_t cnt = 0;

	elf_getphdrnum(image->elf, &cnt);
	for (size_t i = 0; i < cnt; i++)
		if (gelf_getphdr(image->elf, i, ret_header) && ret_header->p_type == type)
			return true;
	return false;
}

/* The string in the buffer, if it ends there: a new one, else NULL. */
static char *copy_string(const char *buf, size_t sz)
{
	return memchr(buf, '\0', sz) ? strdup(buf) : NULL;
}

static char *read_interpreter(const struct elf_image *image)
{
	char path[PATH_MAX];
	GElf_Phdr header;
	ssize_t got;

	if (!find_header(image, PT_INTERP, &header) || header.p_offset >= image->file_sz)
		return NULL;
	got = pread(image->fd, path,
		header.p_filesz < sizeof(path) ? header.p_filesz : sizeof(path), header.p_offset);
	return got > 0 ? copy_string(path, got) : NULL;
}

/* The whole dynamic section: a new array, NULL if there is none. */
static Elf64_Dyn *read_entries(const struct elf_image *image, size_t *ret_cnt)
{
	Elf64_Dyn *entries;
	GElf_Phdr header;
	ssize_t got;

	if (!find_header(image, PT_DYNAMIC, &header) || header.p_offset >= image->file_sz)
		return NULL;
	if (header.p_filesz > DYNAMIC_SZ_MAX)
		header.p_filesz = DYNAMIC_SZ_MAX;
	entries = malloc(header.p_filesz + 1);
	if (!entries)
		return NULL;
	got = pread(image->fd, entries, header.p_filesz, header.p_offset);
	*ret_cnt = got > 0 ? got / sizeof(*entries) : 0;
	return entries;
}

static uint64_t find_value(const Elf64_Dyn *entries, size_t cnt, int64_t tag)
{
	for (size_t i = 0; i < cnt && entries[i].d_tag != DT_NULL; i++)
		if (entries[i].d_tag == tag)
			return entries[i].d_un.d_val;
	return 0;
}

static char *read_name(const struct elf_image *image, uint64_t address)
{
	char name[PATH_MAX];
	size_t got = elf_image__read(image, address, name, sizeof(name));

	return got > 0 ? copy_string(name, got) : NULL;
}

static int add_needed(struct dynamic *dynamic, char *name)
{
	int err = name ? paths__add(&dynamic->needed, name) : 0;

	free(name);
	return err;
}

static void replace(char **slot, char *string)
{
	free(*slot);
	*slot = string;
}

static int read_entry(struct dynamic *dynamic, const struct elf_image *image,
	const Elf64_Dyn *entry, uint64_t names)
{
	uint64_t name = names + entry->d_un.d_val;

	switch (entry->d_tag) {
	case DT_NEEDED:
		return add_needed(dynamic, read_name(image, name));
	case DT_SONAME:
		replace(&dynamic->soname, read_name(image, name));
		break;
	case DT_RPATH:
		replace(&dynamic->rpath, read_name(image, name));
		break;
	case DT_RUNPATH:
		replace(&dynamic->runpath, read_name(image, name));
		break;
	case DT_FLAGS_1:
		dynamic->no_default_dirs = entry->d_un.d_val & DF_1_NODEFLIB;
		break;
	}
	return 0;
}

static int read_image(const struct elf_image *image, struct dynamic *dynamic)
{
	size_t cnt = 0;
	Elf64_Dyn *entries = read_entries(image, &cnt);
	uint64_t names = find_value(entries, cnt, DT_STRTAB);
	int err = 0;

	dynamic->interpreter = read_interpreter(image);
	for (size_t i = 0; i < cnt && entries[i].d_tag != DT_NULL && !err; i++)
		err = read_entry(dynamic, image, &entries[i], names);
	if (dynamic->runpath)
		replace(&dynamic->rpath, NULL);
	free(entries);
	return err;
}

int dynamic__read(int fd, struct dynamic *ret_dynamic)
{
	struct dynamic dynamic = {0};
	struct elf_image image;
	int err;

	err = elf_image__open(fd, &image);
	if (err)
		return err;
	err = elf_image__is_x86_64(&image) ? read_image(&image, &dynamic) : -ENOEXEC;
	elf_image__close(&image);
	if (err)
		dynamic__destroy(&dynamic);
	else
		*ret_dynamic = dynamic;
	return err;
}

void dynamic__destroy(struct dynamic *dynamic)
{
	if (!dynamic)
		return;
	free(dynamic->interpreter);
	free(dynamic->soname);
	free(dynamic->rpath);
	free(dynamic->runpath);
	paths__destroy(&dynamic->needed);
	*dynamic = (struct dynamic){0};
}
