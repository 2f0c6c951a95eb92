/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sparse files: a few bytes on the disk that claim any number of headers, or tables and code of any
 * size. None of it may be read into memory, nor gone through.
 */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "probe/elf_image.h"
#include "probe/prologues.h"
#include "symbol/module.h"

#define SPARSE_SZ (600ul << 20)
#define SECTIONS_AT 4096
#define CONTENT_AT 8192
#define SYMBOLS_SZ (100 * sizeof(Elf64_Sym))

struct sparse {
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	Elf64_Shdr sections[4]; /* none, a table, its names, a small .dynsym */
};

static struct sparse plain(void)
{
	struct sparse sparse = {
		.header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				   EV_CURRENT},
			.e_type = ET_DYN,
			.e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_phoff = sizeof(Elf64_Ehdr),
			.e_shoff = SECTIONS_AT,
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1,
			.e_shentsize = sizeof(Elf64_Shdr),
			.e_shnum = 4},
		.segment = {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = 4096},
		.sections = {{0},
			{.sh_type = SHT_SYMTAB,
				.sh_offset = CONTENT_AT,
				.sh_size = SYMBOLS_SZ,
				.sh_link = 2,
				.sh_entsize = sizeof(Elf64_Sym)},
			{.sh_type = SHT_STRTAB, .sh_offset = CONTENT_AT, .sh_size = 4096},
			{.sh_type = SHT_DYNSYM,
				.sh_offset = CONTENT_AT,
				.sh_size = SYMBOLS_SZ,
				.sh_link = 2,
				.sh_entsize = sizeof(Elf64_Sym)}},
	};

	return sparse;
}

static int open_sparse(const struct sparse *sparse)
{
	int fd = memfd_create("sparse", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, CONTENT_AT + SPARSE_SZ), 0);
	assert_int_equal(
		pwrite(fd, &sparse->header, sizeof(sparse->header), 0), sizeof(sparse->header));
	assert_int_equal(
		pwrite(fd, &sparse->segment, sizeof(sparse->segment), sizeof(sparse->header)),
		sizeof(sparse->segment));
	assert_int_equal(pwrite(fd, sparse->sections, sizeof(sparse->sections), SECTIONS_AT),
		sizeof(sparse->sections));
	return fd;
}

/* By both readers of headers. */
static void check_refused(const struct sparse *sparse, int module_err, int image_err)
{
	struct modules *modules = modules__new();
	int fd = open_sparse(sparse);
	struct elf_image image = {0};

	assert_int_equal(modules__add_fd(modules, fd, "sparse")->error, module_err);
	assert_int_equal(elf_image__open(fd, &image), image_err);
	if (!image_err)
		elf_image__close(&image);
	close(fd);
	modules__free(modules);
}

static void numbers_of_headers_beyond_the_elf_header_are_refused(void **state)
{
	struct sparse sparse = plain();

	(void)state;
	check_refused(&sparse, 0, 0);
	sparse.header.e_shnum = 0;
	sparse.sections[0].sh_size = 1u << 20;
	check_refused(&sparse, -ENOEXEC, -EIO);
	sparse = plain();
	sparse.header.e_phnum = PN_XNUM;
	sparse.sections[0].sh_info = 1u << 20;
	check_refused(&sparse, -ENOEXEC, -EIO);
}

static size_t symbol_cnt(const struct sparse *sparse)
{
	int fd = open_sparse(sparse);
	struct elf_symbols symbols;
	struct elf_image image;

	assert_int_equal(elf_image__open(fd, &image), 0);
	elf_image__symbols(&image, SHT_SYMTAB, &symbols);
	elf_image__close(&image);
	close(fd);
	return symbols.cnt;
}

static void tables_that_are_too_large_are_not_read(void **state)
{
	struct sparse sparse = plain();

	(void)state;
	assert_int_equal(symbol_cnt(&sparse), SYMBOLS_SZ / sizeof(Elf64_Sym));
	sparse.sections[1].sh_size = SPARSE_SZ / sizeof(Elf64_Sym) * sizeof(Elf64_Sym);
	assert_int_equal(symbol_cnt(&sparse), 0);
	sparse = plain();
	sparse.sections[2].sh_size = SPARSE_SZ;
	assert_int_equal(symbol_cnt(&sparse), 0);
}

static bool count(void *context, const GElf_Rela *relocation)
{
	++*(size_t *)context;
	return true;
}

static size_t relocation_cnt(const struct sparse *sparse)
{
	int fd = open_sparse(sparse);
	struct elf_image image;
	size_t cnt = 0;

	assert_int_equal(elf_image__open(fd, &image), 0);
	elf_image__relocations(&image, count, &cnt);
	elf_image__close(&image);
	close(fd);
	return cnt;
}

static void relocations_of_one_section_and_of_all_have_a_bound(void **state)
{
	struct sparse sparse = plain();
	Elf64_Shdr *table = &sparse.sections[1];

	(void)state;
	*table = (Elf64_Shdr){.sh_type = SHT_RELA,
		.sh_offset = CONTENT_AT,
		.sh_size = 4800,
		.sh_link = 3,
		.sh_entsize = sizeof(Elf64_Rela)};
	assert_int_equal(relocation_cnt(&sparse), 200);
	table->sh_size = SPARSE_SZ / sizeof(Elf64_Rela) * sizeof(Elf64_Rela);
	assert_int_equal(relocation_cnt(&sparse), 0);
	table->sh_size = (200u << 20) / sizeof(Elf64_Rela) * sizeof(Elf64_Rela);
	sparse.sections[2] = *table;
	assert_int_equal(relocation_cnt(&sparse), (256u << 20) / sizeof(Elf64_Rela));
}

static void code_without_end_is_not_gone_through(void **state)
{
	struct prologue prologue = {.address = 64};
	struct prologues prologues = {&prologue, 1};
	struct sparse sparse = plain();
	struct elf_image image;
	struct decoder decoder;
	int fd;

	(void)state;
	sparse.segment.p_filesz = 2ul << 30;
	fd = open_sparse(&sparse);
	assert_int_equal(ftruncate(fd, 3ul << 30), 0);
	assert_int_equal(elf_image__open(fd, &image), 0);
	assert_int_equal(decoder__init(&decoder), 0);
	assert_int_equal(prologues__add_branches_of(&prologues, &decoder, &image), -EIO);
	decoder__destroy(&decoder);
	elf_image__close(&image);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_of_headers_beyond_the_elf_header_are_refused),
		cmocka_unit_test(tables_that_are_too_large_are_not_read),
		cmocka_unit_test(relocations_of_one_section_and_of_all_have_a_bound),
		cmocka_unit_test(code_without_end_is_not_gone_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
