/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of files, and what is read of a file when it is opened: the ELF header, its PT_LOAD
 * segments and its build ID, by libelf on the held fd. The file is read, not mapped: its owner may
 * truncate it at any time, and a mapping would then end us with SIGBUS.
 *
 * Executable segments come first in module->segments: where two of a (strange) file's segments have
 * the same bytes, the address meant is the one that can be executed.
 *
 * A file that could not be opened is tried again when it is added again, perhaps by another process
 * that is still there. An fd is held for each file that is known, so the caller has to have a high
 * RLIMIT_NOFILE, and to forget files that are not needed any more (modules__filter).
 */
#include "symbol/module.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "symbol/hash.h"
#include "symbol/target_file.h"
#include "util/elf_counts.h"
#include "util/proc.h"

#define NOTES_SZ_MAX (1 << 20) /* bytes read of a PT_NOTE; real ones are below 1 KiB */

struct modules {
	struct hash table; /* of struct entry */
};

struct entry {
	struct hash_node node;
	struct module module;
};

struct modules *modules__new(void)
{
	if (elf_version(EV_CURRENT) == EV_NONE)
		return NULL;
	return calloc(1, sizeof(struct modules));
}

static void entry__free(struct hash_node *node)
{
	struct module *module = node ? &((struct entry *)node)->module : NULL;

	if (!module)
		return;
	if (module->fd >= 0)
		close(module->fd);
	free(module->path);
	free(module->segments);
	free(node);
}

void modules__free(struct modules *modules)
{
	if (!modules)
		return;
	hash__free(&modules->table, entry__free);
	free(modules);
}

static void read_build_id(struct module *module, Elf *elf, const GElf_Phdr *segment)
{
	Elf_Type type = segment->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR;
	size_t at = 0, name_at, desc_at;
	Elf_Data *data;
	GElf_Nhdr note;

	if (*module->build_id || segment->p_filesz > NOTES_SZ_MAX)
		return;
	data = elf_getdata_rawchunk(elf, segment->p_offset, segment->p_filesz, type);
	while (data && (at = gelf_getnote(data, at, &note, &name_at, &desc_at)) > 0) {
		const char *bytes = data->d_buf;

		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof("GNU") ||
			memcmp(bytes + name_at, "GNU", sizeof("GNU")) || !note.n_descsz)
			continue;
		for (size_t i = 0; i < note.n_descsz && i < BUILD_ID_MAX; i++)
			sprintf(module->build_id + 2 * i, "%02x", (uint8_t)bytes[desc_at + i]);
		return;
	}
}

static void add_segment(struct module *module, const GElf_Phdr *segment)
{
	module->segments[module->segment_cnt++] = (struct module_segment){
		.file_offset = segment->p_offset,
		.address = segment->p_vaddr,
		.file_sz = segment->p_filesz,
	};
}

static int read_segments(struct module *module, Elf *elf)
{
	GElf_Phdr segment;
	size_t cnt;

	if (elf_getphdrnum(elf, &cnt) != 0)
		return -ENOEXEC;
	module->segments = calloc(cnt + 1, sizeof(*module->segments));
	if (!module->segments)
		return -ENOMEM;
	for (int executable = 1; executable >= 0; executable--) {
		for (size_t i = 0; i < cnt && gelf_getphdr(elf, i, &segment); i++) {
			bool matches = !!(segment.p_flags & PF_X) == executable;

			if (segment.p_type == PT_LOAD && matches)
				add_segment(module, &segment);
			else if (segment.p_type == PT_NOTE)
				read_build_id(module, elf, &segment);
		}
	}
	return 0;
}

static int read_elf(struct module *module)
{
	Elf *elf = NULL;
	int err = -ENOEXEC;
	GElf_Ehdr header;

	if (elf_counts__are_plain(module->fd))
		elf = elf_begin(module->fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header))
		goto out;
	err = read_segments(module, elf);
	if (err)
		goto out;
	module->machine = header.e_machine;
	module->elf_class = header.e_ident[EI_CLASS];
out:
	elf_end(elf);
	return err;
}

/* Gives the module its file: an fd that it owns from now on, or -errno. */
static void set_file(struct module *module, int fd, bool replaced)
{
	int generation = 0;

	module->fd = fd < 0 ? -1 : fd;
	module->replaced = replaced;
	module->error = fd < 0 ? fd : read_elf(module);
	/* ext4, xfs and btrfs tell. */
	if (fd >= 0 && !module->generation && !ioctl(fd, FS_IOC_GETVERSION, &generation))
		module->generation = generation;
}

static struct module *add_entry(struct modules *modules, struct file_id id, const char *path)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->module = (struct module){
		.dev = id.dev, .inode = id.inode, .generation = id.generation, .fd = -1};
	entry->module.path = strdup(path);
	if (!entry->module.path ||
		hash__add(&modules->table, &entry->node, hash__mix(id.inode, 0)) != 0) {
		entry__free(&entry->node);
		return NULL;
	}
	return &entry->module;
}

/* A file that is held open keeps its number, so that another with it is the same. */
static bool is_of(const struct module *module, struct file_id id)
{
	if (module->dev != id.dev || module->inode != id.inode)
		return false;
	return module->generation == id.generation ||
	       (module->fd >= 0 && (!module->generation || !id.generation));
}

struct module *modules__find(struct modules *modules, struct file_id id)
{
	struct hash_node *node = hash__chain(&modules->table, hash__mix(id.inode, 0));

	while (node && !is_of(&((struct entry *)node)->module, id))
		node = node->next;
	return node ? &((struct entry *)node)->module : NULL;
}

static struct module *find_or_add(struct modules *modules, struct file_id id, const char *path)
{
	struct module *module = modules__find(modules, id);

	if (!module)
		module = add_entry(modules, id, path);
	if (!module)
		return NULL;
	module->is_seen = true;
	if (!module->generation)
		module->generation = id.generation;
	return module;
}

struct module *modules__add(struct modules *modules, struct file_id id, const char *path, pid_t pid)
{
	struct module *module = find_or_add(modules, id, path);
	bool replaced;
	int fd;

	if (module && module->fd < 0) {
		fd = target_file__open_inode(pid, path, id, &replaced);
		set_file(module, fd, replaced);
	}
	return module;
}

size_t modules__cnt(const struct modules *modules)
{
	return modules->table.node_cnt;
}

void modules__see(struct modules *modules, uint64_t inode)
{
	struct hash_node *node = hash__chain(&modules->table, hash__mix(inode, 0));

	for (; node; node = node->next) {
		struct module *module = &((struct entry *)node)->module;

		if (module->inode == inode)
			module->is_seen = true;
	}
}

struct module_filter {
	bool (*goes)(struct module *module, void *arg);
	void *arg;
};

static bool entry_goes(struct hash_node *node, void *arg)
{
	struct module_filter *filter = arg;

	if (!filter->goes(&((struct entry *)node)->module, filter->arg))
		return false;
	entry__free(node);
	return true;
}

void modules__filter(
	struct modules *modules, bool (*goes)(struct module *module, void *arg), void *arg)
{
	hash__filter(&modules->table, entry_goes, &(struct module_filter){goes, arg});
}

bool module__identify(int fd, uint32_t *ret_dev, uint64_t *ret_inode)
{
	size_t page_sz = sysconf(_SC_PAGESIZE);
	struct stat st;
	void *page;

	if (fstat(fd, &st) < 0)
		return false;
	*ret_dev = major(st.st_dev) << 20 | minor(st.st_dev);
	*ret_inode = st.st_ino;
	/* Executable, as /proc/self/maps is read for code; where that is forbidden stat has to do.
	 */
	page = mmap(NULL, page_sz, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (page == MAP_FAILED)
		return true;
	proc__mapping_at((uintptr_t)page, ret_dev, ret_inode);
	munmap(page, page_sz);
	return true;
}

struct module *modules__add_fd(struct modules *modules, int fd, const char *path)
{
	struct file_id id = {0}; /* if nothing else: a module whose error says EBADF */
	struct module *module;
	int own;

	module__identify(fd, &id.dev, &id.inode);
	module = find_or_add(modules, id, path);
	if (module && module->fd < 0) {
		own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		set_file(module, own < 0 ? -errno : own, false);
	}
	return module;
}

bool module__address(const struct module *module, uint64_t file_offset, uint64_t *ret_address)
{
	for (size_t i = 0; i < module->segment_cnt; i++) {
		const struct module_segment *segment = &module->segments[i];

		if (file_offset >= segment->file_offset &&
			file_offset - segment->file_offset < segment->file_sz) {
			*ret_address = segment->address + (file_offset - segment->file_offset);
			return true;
		}
	}
	return false;
}
