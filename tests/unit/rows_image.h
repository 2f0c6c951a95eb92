/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A file as libelf sees it, and what the readers that rows are compared with share besides. */
#ifndef HEAPTAP_TESTS_ROWS_IMAGE_H
#define HEAPTAP_TESTS_ROWS_IMAGE_H

#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <unistd.h>

#define CODE_MAX 8

struct image {
	int fd;
	Elf *elf;
	GElf_Phdr code[CODE_MAX]; /* executable segments */
	size_t code_cnt;
};

static void open_image(const char *path, struct image *ret_image)
{
	struct image image = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
	GElf_Phdr header;
	size_t cnt;

	assert_true(image.fd >= 0);
	elf_version(EV_CURRENT);
	image.elf = elf_begin(image.fd, ELF_C_READ_MMAP, NULL);
	assert_non_null(image.elf);
	assert_int_equal(elf_getphdrnum(image.elf, &cnt), 0);
	for (size_t i = 0; i < cnt; i++) {
		assert_non_null(gelf_getphdr(image.elf, i, &header));
		assert_true(image.code_cnt < CODE_MAX);
		if (header.p_type == PT_LOAD && header.p_flags & PF_X)
			image.code[image.code_cnt++] = header;
	}
	*ret_image = image;
}

static void close_image(struct image *image)
{
	elf_end(image->elf);
	close(image->fd);
}

static uint64_t file_offset(const struct image *image, uint64_t address)
{
	for (size_t i = 0; i < image->code_cnt; i++)
		if (address >= image->code[i].p_vaddr &&
			address - image->code[i].p_vaddr <= image->code[i].p_filesz)
			return address - image->code[i].p_vaddr + image->code[i].p_offset;
	fail();
	return 0;
}

/* Of an offset that a rule can have. */
static bool in_range(long offset, long min, long max)
{
	return offset % 8 == 0 && offset >= min && offset <= max;
}

#endif
