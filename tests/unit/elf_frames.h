/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ELF files with call frame information byte by byte, for what no assembler would write. */
#ifndef HEAPTAP_TESTS_ELF_FRAMES_H
#define HEAPTAP_TESTS_ELF_FRAMES_H

#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ELF_FRAMES_ADDRESS 0x400000
#define ELF_CODE_ADDRESS 0x401000
#define ELF_CODE_OFFSET 0x1000
#define ELF_CODE_SZ 0x1000

struct frames { /* a section being written */
	uint8_t bytes[256 * 1024];
	size_t sz;
};

struct elf_frames {
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	Elf64_Shdr sections[3]; /* none, frames, names */
	char names[32];
};

static void frames__put(struct frames *frames, const void *bytes, size_t sz)
{
	assert_true(frames->sz + sz <= sizeof(frames->bytes));
	memcpy(frames->bytes + frames->sz, bytes, sz);
	frames->sz += sz;
}

static void frames__put_u32(struct frames *frames, uint32_t value)
{
	frames__put(frames, &value, sizeof(value));
}

static void frames__put_u64(struct frames *frames, uint64_t value)
{
	frames__put(frames, &value, sizeof(value));
}

/* An entry; what it says comes between begin and end. */
static size_t frames__begin(struct frames *frames)
{
	frames__put_u32(frames, 0);
	return frames->sz;
}

static void frames__end(struct frames *frames, size_t begun)
{
	uint32_t sz = frames->sz - begun;

	memcpy(frames->bytes + begun - 4, &sz, sizeof(sz));
}

#define FRAMES_PUT(frames, ...)                                                                    \
	frames__put(frames, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* A CIE without augmentation (absolute addresses): CFA = sp + 8, return address at CFA - 8. */
static void frames__put_cie(struct frames *frames)
{
	size_t begun = frames__begin(frames);

	frames__put_u32(frames, 0);
	FRAMES_PUT(frames, 1, 0, 1, 0x78, 16, 0x0c, 7, 8, 0x90, 1);
	frames__end(frames, begun);
}

/* A FDE of the CIE at `cie` in the section, for code at ELF_CODE_ADDRESS + at. */
static void frames__put_fde(struct frames *frames, size_t cie, uint64_t at, uint64_t sz,
	const void *program, size_t program_sz)
{
	size_t begun = frames__begin(frames);

	frames__put_u32(frames, begun - cie);
	frames__put_u64(frames, ELF_CODE_ADDRESS + at);
	frames__put_u64(frames, sz);
	frames__put(frames, program, program_sz);
	frames__end(frames, begun);
}

/* A file with one executable segment and the section of that name. */
static struct elf_frames elf_frames__describe(const char *name, size_t frames_sz)
{
	struct elf_frames file = {.header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
						     ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
					  .e_type = ET_EXEC,
					  .e_machine = EM_X86_64,
					  .e_version = EV_CURRENT,
					  .e_phoff = offsetof(struct elf_frames, segment),
					  .e_shoff = offsetof(struct elf_frames, sections),
					  .e_ehsize = sizeof(Elf64_Ehdr),
					  .e_phentsize = sizeof(Elf64_Phdr),
					  .e_phnum = 1,
					  .e_shentsize = sizeof(Elf64_Shdr),
					  .e_shnum = 3,
					  .e_shstrndx = 2},
		.segment = {.p_type = PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_offset = ELF_CODE_OFFSET,
			.p_vaddr = ELF_CODE_ADDRESS,
			.p_filesz = ELF_CODE_SZ,
			.p_memsz = ELF_CODE_SZ},
		.sections = {[1] = {.sh_name = 1,
				     .sh_type = SHT_PROGBITS,
				     .sh_addr = ELF_FRAMES_ADDRESS,
				     .sh_offset = sizeof(struct elf_frames),
				     .sh_size = frames_sz},
			[2] = {.sh_type = SHT_STRTAB,
				.sh_offset = offsetof(struct elf_frames, names),
				.sh_size = sizeof(file.names)}}};

	snprintf(file.names + 1, sizeof(file.names) - 1, "%s", name);
	return file;
}

/* A file in memory: close() the fd. */
static int elf_frames__open(const struct elf_frames *file, const struct frames *frames)
{
	int fd = memfd_create("frames", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, file, sizeof(*file)), sizeof(*file));
	assert_int_equal(write(fd, frames->bytes, frames->sz), frames->sz);
	return fd;
}

#endif
