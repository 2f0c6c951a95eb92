/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Opening the files of targets, beside what readelf says of them; and files that lie. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "built_programs.h"
#include "module_bytes.h"
#include "symbol/module.h"

#define LIBRARY "/lib64/ld-linux-x86-64.so.2" /* of every x86-64 system with glibc */
#define MUTATIONS 2000

static const char source[] =
	"int answer(void) { return 42; }\nint main(void) { return answer(); }\n";

static int setup(void **state)
{
	if (built__setup(state) != 0)
		return -1;
	built__write("program.c", source, sizeof(source) - 1);
	built__run("cc -g program.c -o pie && cc -g -no-pie program.c -o no-pie");
	built__run("cc -shared -fPIC -Wl,--build-id=0x0123456789abcdef program.c -o library.so");
	return 0;
}

/* With the device as the kernel encodes it; of any generation. */
static struct file_id id_of(const struct stat *st)
{
	return (struct file_id){
		.inode = st->st_ino, .dev = major(st->st_dev) << 20 | minor(st->st_dev)};
}

static struct module *add(struct modules *modules, const char *path, pid_t pid)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return modules__add(modules, id_of(&st), path, pid);
}

/* A PT_LOAD as readelf prints it: "LOAD 0x001000 0x401000 0x401000 0x0001a5 0x0001a5 R E 0x1000".
 */
static bool has_segment(const struct module *module, const char *line)
{
	uint64_t offset, address, file_sz;

	assert_int_equal(sscanf(line, " LOAD %" SCNx64 " %" SCNx64 " %*x %" SCNx64, &offset,
				 &address, &file_sz),
		3);
	for (size_t i = 0; i < module->segment_cnt; i++)
		if (module->segments[i].file_offset == offset &&
			module->segments[i].address == address &&
			module->segments[i].file_sz == file_sz)
			return true;
	return false;
}

static void check_segments(const struct module *module, const char *path)
{
	char command[BUILT_PATH_SZ + 64], line[512];
	size_t cnt = 0;
	FILE *readelf;

	snprintf(command, sizeof(command), "readelf -lW %s", path);
	readelf = popen(command, "r");
	assert_non_null(readelf);
	while (fgets(line, sizeof(line), readelf)) {
		if (strncmp(line, "  LOAD", 6) != 0)
			continue;
		assert_true(has_segment(module, line));
		cnt++;
	}
	pclose(readelf);
	assert_true(cnt > 0);
	assert_int_equal(cnt, module->segment_cnt);
}

static void check_build_id(const struct module *module, const char *path)
{
	char command[BUILT_PATH_SZ + 64], line[512], expected[256] = "", *at;
	FILE *readelf;

	snprintf(command, sizeof(command), "readelf -nW %s", path);
	readelf = popen(command, "r");
	assert_non_null(readelf);
	while (fgets(line, sizeof(line), readelf)) {
		at = strstr(line, "Build ID: ");
		if (at)
			sscanf(at, "Build ID: %255s", expected);
	}
	pclose(readelf);
	assert_true(expected[0]);
	assert_string_equal(module->build_id, expected);
}

static void segments_and_build_id_are_those_that_readelf_prints(void **state)
{
	static const char *const files[] = {"pie", "no-pie", "library.so"};
	struct modules *modules = modules__new();
	struct module *module;
	char path[BUILT_PATH_SZ];

	(void)state;
	for (size_t i = 0; i <= sizeof(files) / sizeof(files[0]); i++) {
		if (i < sizeof(files) / sizeof(files[0]))
			built__path(files[i], path);
		else
			strcpy(path, LIBRARY);
		module = add(modules, path, i % 2 ? getpid() : 0);
		assert_int_equal(module->error, 0);
		assert_true(module->fd >= 0);
		assert_int_equal(module->machine, EM_X86_64);
		assert_int_equal(module->elf_class, ELFCLASS64);
		assert_string_equal(module->path, path);
		check_segments(module, path);
		check_build_id(module, path);
	}
	modules__free(modules);
}

/* "  [14] .text  PROGBITS  0000000000001040 001040 000103 00  AX  0   0 16" */
static void file_offsets_become_the_addresses_of_their_sections(void **state)
{
	struct modules *modules = modules__new();
	char path[BUILT_PATH_SZ], command[BUILT_PATH_SZ + 64], line[512], *at;
	uint64_t address, offset, size, got;
	struct module *module = add(modules, built__path("no-pie", path), 0);
	FILE *readelf;
	int cnt = 0;

	(void)state;
	snprintf(command, sizeof(command), "readelf -SW %s", path);
	readelf = popen(command, "r");
	assert_non_null(readelf);
	while (fgets(line, sizeof(line), readelf)) {
		at = strstr(line, "PROGBITS");
		if (!at || sscanf(at, "PROGBITS %" SCNx64 " %" SCNx64 " %" SCNx64, &address,
				   &offset, &size) != 3)
			continue;
		if (!address) /* not loaded */
			continue;
		assert_true(module__address(module, offset, &got));
		assert_int_equal(got, address);
		assert_true(module__address(module, offset + size - 1, &got));
		assert_int_equal(got, address + size - 1);
		cnt++;
	}
	pclose(readelf);
	assert_true(cnt > 5);
	assert_false(module__address(module, UINT64_MAX, &got));
	assert_false(module__address(module, 1UL << 40, &got));
	modules__free(modules);
}

static void a_file_is_one_module_whatever_it_is_called(void **state)
{
	struct modules *modules = modules__new();
	char path[BUILT_PATH_SZ], other[BUILT_PATH_SZ];
	struct module *module = add(modules, built__path("pie", path), 0);
	int fd = built__open("pie");

	(void)state;
	built__run("ln -f pie hard && ln -sf pie soft");
	assert_ptr_equal(module, add(modules, built__path("hard", other), getpid()));
	assert_ptr_equal(module, add(modules, built__path("soft", other), getpid()));
	assert_ptr_equal(module, modules__add_fd(modules, fd, "anything"));
	assert_ptr_equal(module, modules__find(modules, (struct file_id){module->inode, module->dev, 0}));
	assert_null(modules__find(
		modules, (struct file_id){module->inode + 1000000007, module->dev, 0}));
	assert_string_equal(module->path, path);
	close(fd);
	modules__free(modules);
}

/* The mapping's device and inode as the kernel shows them. */
static bool find_mapping(const char *path, uint32_t *ret_dev, uint64_t *ret_inode)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned int major_dev, minor_dev;
	char line[1024];
	bool found = false;

	while (!found && fgets(line, sizeof(line), maps)) {
		found = strstr(line, path) && sscanf(line, "%*s %*s %*s %x:%x %" SCNu64, &major_dev,
						      &minor_dev, ret_inode) == 3;
		*ret_dev = major_dev << 20 | minor_dev;
	}
	fclose(maps);
	return found;
}

static void a_deleted_file_is_found_by_its_mapping(void **state)
{
	struct modules *modules = modules__new();
	char path[BUILT_PATH_SZ];
	struct module *module;
	uint64_t inode = 0;
	uint32_t dev = 0;
	void *mapping;
	int fd;

	(void)state;
	if (geteuid() != 0) {
		modules__free(modules);
		skip(); /* map_files is for CAP_SYS_ADMIN */
	}
	built__run("cp pie deleted");
	fd = built__open("deleted");
	mapping = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(mapping, MAP_FAILED);
	close(fd);
	assert_true(find_mapping(built__path("deleted", path), &dev, &inode));
	built__run("rm deleted");
	module = modules__add(modules, (struct file_id){inode, dev, 0}, path, getpid());
	assert_true(module->fd >= 0);
	assert_int_equal(module->error, 0);
	assert_false(module->replaced);
	check_segments(module, built__path("pie", path));
	munmap(mapping, 4096);
	modules__free(modules);
}

/* Forks a child that runs the program (NULL: that has `root` as its root and waits), ready for use.
 */
static pid_t start_child(const char *program, const char *root)
{
	int fds[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		if (program)
			execl(program, "sleep", "60", NULL); /* closes the pipe */
		else if (chroot(root) == 0 && close(fds[1]) == 0)
			pause();
		_exit(1);
	}
	assert_true(pid > 0);
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 0);
	close(fds[0]);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void a_deleted_program_is_found_by_its_process(void **state)
{
	struct modules *modules = modules__new();
	char path[BUILT_PATH_SZ];
	struct module *module;
	struct stat st;
	pid_t pid;

	(void)state;
	built__run("cp $(command -v sleep) sleeper");
	built__path("sleeper", path);
	assert_int_equal(stat(path, &st), 0);
	pid = start_child(path, NULL);
	built__try("rm sleeper && cp pie sleeper"); /* another file has the path by now */
	module = modules__add(modules, id_of(&st), path, pid);
	end_child(pid);
	assert_true(module->fd >= 0);
	assert_false(module->replaced);
	modules__free(modules);
}

static void another_file_under_the_path_is_not_taken(void **state)
{
	struct modules *modules = modules__new();
	char path[BUILT_PATH_SZ];
	struct module *module;
	struct stat st;

	(void)state;
	built__run("cp pie replaced && cp no-pie new");
	assert_int_equal(stat(built__path("replaced", path), &st), 0);
	built__run("mv new replaced");
	for (int i = 0; i < 2; i++) {
		module = modules__add(modules, id_of(&st), path, i ? getpid() : 0);
		assert_int_equal(module->fd, -1);
		assert_true(module->replaced);
		assert_int_equal(module->error, -ESTALE);
		assert_int_equal(module->segment_cnt, 0);
	}
	modules__free(modules);
}

static void a_file_that_was_missing_is_opened_when_it_is_there(void **state)
{
	struct modules *modules = modules__new();
	char path[BUILT_PATH_SZ], later[BUILT_PATH_SZ];
	struct module *module, *again;
	struct stat st;

	(void)state;
	built__run("cp pie present");
	assert_int_equal(stat(built__path("present", path), &st), 0);
	module =
		modules__add(modules, id_of(&st), built__path("missing", later), 0);
	assert_int_equal(module->fd, -1);
	assert_int_equal(module->error, -ENOENT);
	assert_false(module->replaced);
	again = modules__add(modules, id_of(&st), path, 0);
	assert_ptr_equal(again, module);
	assert_true(module->fd >= 0);
	assert_int_equal(module->error, 0);
	modules__free(modules);
}

/* The inode's number is used again while the first file, which could not be opened, is still known. */
static void another_generation_of_an_inode_is_another_file(void **state)
{
	struct modules *modules = modules__new();
	char path[BUILT_PATH_SZ], gone[BUILT_PATH_SZ];
	struct module *first, *second;
	struct file_id id;
	struct stat st;

	(void)state;
	assert_int_equal(stat(built__path("pie", path), &st), 0);
	id = id_of(&st);
	id.generation = 7;
	first = modules__add(modules, id, built__path("gone", gone), 0);
	assert_int_equal(first->fd, -1);
	second = modules__add(modules, id_of(&st), path, 0);
	assert_ptr_not_equal(second, first);
	assert_true(second->fd >= 0);
	assert_ptr_equal(modules__add(modules, id, gone, 0), first);
	assert_int_equal(first->fd, -1);
	if (second->generation) { /* the file system tells: nor is the second taken for the first */
		assert_ptr_equal(modules__add(modules, id, path, 0), first);
		assert_true(first->replaced);
		id.generation = second->generation;
	}
	assert_ptr_equal(modules__add(modules, id, path, 0), second);
	modules__free(modules);
}

static bool is_arg(struct module *module, void *arg)
{
	return module == arg;
}

static void a_file_that_is_forgotten_is_closed(void **state)
{
	struct modules *modules = modules__new();
	char path[BUILT_PATH_SZ];
	struct module *kept = add(modules, built__path("pie", path), 0);
	struct module *forgotten = add(modules, built__path("no-pie", path), 0);
	int fd = forgotten->fd;

	(void)state;
	modules__filter(modules, is_arg, forgotten);
	assert_int_equal(modules__cnt(modules), 1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_true(fcntl(kept->fd, F_GETFD) >= 0);
	kept->is_seen = false;
	modules__see(modules, kept->inode);
	assert_true(kept->is_seen);
	assert_true(add(modules, path, 0)->fd >= 0);
	assert_int_equal(modules__cnt(modules), 2);
	modules__free(modules);
}

static void what_is_no_regular_file_is_not_opened(void **state)
{
	static const char *const paths[] = {"fifo", "/dev/null", "/dev", "socketless"};
	struct modules *modules = modules__new();
	char path[BUILT_PATH_SZ];
	struct module *module;
	struct stat st;

	(void)state;
	built__run("mkfifo fifo && ln -s fifo socketless");
	alarm(20); /* opening a fifo would wait for a writer */
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		strcpy(path, paths[i]);
		if (path[0] != '/')
			built__path(paths[i], path);
		assert_int_equal(stat(path, &st), 0);
		module = modules__add(modules, id_of(&st), path, getpid());
		assert_int_equal(module->fd, -1);
		assert_true(module->error < 0);
	}
	alarm(0);
	modules__free(modules);
}

static bool has_openat2(void)
{
	return syscall(SYS_openat2, AT_FDCWD, ".", NULL, 0) < 0 && errno != ENOSYS;
}

/* In a root of its own, /link is an absolute link to what is /real/program there. */
static void links_are_followed_in_the_root_of_the_process(void **state)
{
	struct modules *modules = modules__new();
	struct module *module;
	char path[BUILT_PATH_SZ];
	struct stat st;
	pid_t pid;

	(void)state;
	if (geteuid() != 0 || !has_openat2()) {
		modules__free(modules);
		skip(); /* chroot is root's; valgrind 3.19 has no openat2 */
	}
	built__run("mkdir -p root/real && cp pie root/real/program");
	built__run("ln -sf /real/program root/link");
	assert_int_equal(stat(built__path("root/real/program", path), &st), 0);
	pid = start_child(NULL, built__path("root", path));
	module = modules__add(modules, id_of(&st), "/link", pid);
	end_child(pid);
	assert_true(module->fd >= 0);
	assert_string_equal(module->path, "/link");
	modules__free(modules);
}

static void a_file_that_is_no_elf_says_so(void **state)
{
	struct modules *modules = modules__new();
	struct module *module = add_bytes(modules, source, sizeof(source));

	uint64_t address;

	(void)state;
	assert_int_equal(module->error, -ENOEXEC);
	assert_int_equal(module->machine, 0);
	assert_false(module__address(module, 0, &address));
	assert_string_equal(module->build_id, "");
	modules__free(modules);
}

static void a_truncated_file_gives_what_is_left_of_it(void **state)
{
	struct modules *modules = modules__new();
	size_t full_sz, headers_sz;
	unsigned char *bytes = built__read("pie", &full_sz);
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)bytes;

	(void)state;
	headers_sz = header->e_phoff + header->e_phnum * sizeof(Elf64_Phdr);
	for (size_t sz = 0; sz <= full_sz; sz += sz < 2 * headers_sz ? 1 : 61) {
		struct module *module = add_bytes(modules, bytes, sz);

		assert_non_null(module);
		if (sz < sizeof(*header))
			assert_int_equal(module->error, -ENOEXEC);
		if (sz >= headers_sz && !module->error)
			assert_int_equal(module->segment_cnt, 4);
		assert_true(module->segment_cnt <= header->e_phnum);
	}
	free(bytes);
	modules__free(modules);
}

static void lying_headers_do_no_harm(void **state)
{
	uint64_t seed = 0x1234567, address;
	size_t sz;
	unsigned char *bytes = built__read("pie", &sz), *lying = malloc(sz);

	(void)state;
	for (int i = 0; i < MUTATIONS; i++) {
		struct modules *modules = modules__new();
		struct module *module;

		memcpy(lying, bytes, sz);
		for (int j = 0; j < 4; j++) /* in the ELF header, program headers and notes */
			lying[built__random(&seed) % 1024] = built__random(&seed);
		module = add_bytes(modules, lying, sz);
		assert_non_null(module);
		assert_true(strlen(module->build_id) <= 2 * BUILD_ID_MAX);
		for (int j = 0; j < 16; j++)
			(void)module__address(module, built__random(&seed) >> (j * 4), &address);
		modules__free(modules);
	}
	free(lying);
	free(bytes);
}

static void a_short_build_id_is_read(void **state)
{
	struct modules *modules = modules__new();
	char path[BUILT_PATH_SZ];
	struct module *module = add(modules, built__path("library.so", path), 0);

	(void)state;
	assert_string_equal(module->build_id, "0123456789abcdef");
	modules__free(modules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_and_build_id_are_those_that_readelf_prints),
		cmocka_unit_test(file_offsets_become_the_addresses_of_their_sections),
		cmocka_unit_test(a_file_is_one_module_whatever_it_is_called),
		cmocka_unit_test(a_deleted_file_is_found_by_its_mapping),
		cmocka_unit_test(a_deleted_program_is_found_by_its_process),
		cmocka_unit_test(another_file_under_the_path_is_not_taken),
		cmocka_unit_test(a_file_that_was_missing_is_opened_when_it_is_there),
		cmocka_unit_test(another_generation_of_an_inode_is_another_file),
		cmocka_unit_test(a_file_that_is_forgotten_is_closed),
		cmocka_unit_test(what_is_no_regular_file_is_not_opened),
		cmocka_unit_test(links_are_followed_in_the_root_of_the_process),
		cmocka_unit_test(a_file_that_is_no_elf_says_so),
		cmocka_unit_test(a_truncated_file_gives_what_is_left_of_it),
		cmocka_unit_test(lying_headers_do_no_harm),
		cmocka_unit_test(a_short_build_id_is_read),
	};

	return cmocka_run_group_tests(tests, setup, built__teardown);
}
