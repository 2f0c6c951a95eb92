// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a kernel can do is found by trying, from the best kind of link to the oldest: the programs
 * of a kind are loaded, and attached to a file that nobody maps. A kind is right when both work.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "probe/disposal.h"
#include "probe/mapping_hooks.h"
#include "probe/spy_programs.h"
#include "probe/tracer.h"
#include "util/array.h"
#include "heaptap.skel.h"

#define ATTACH_TYPE_UPROBE_MULTI 48
#define ATTACH_TYPE_UPROBE_SESSION 57

struct tracer {
	struct heaptap_bpf *skel;
	enum link_kind kind;
	const char *mapping_hook;
	bool is_spy;
	bool multi_pid_is_thread; /* uprobe.multi's pid filter matches one thread only */
	struct file_links **files;
	size_t file_cnt, file_cap;
	struct disposal *disposal;
	struct file_links *trial;      /* of the kind of link, until there is a disposal */
	pthread_mutex_t settings_lock; /* of the next */
	size_t settings_cnt;	       /* threads that set a file's rows */
	pthread_cond_t settings_done;
	FILE *log;
	char *log_text;
	size_t log_sz;
};

/* libbpf has one print callback for the process and no argument for it. */
static FILE *libbpf_log;

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level > LIBBPF_INFO || !libbpf_log)
		return 0;
	return vfprintf(libbpf_log, format, args);
}

static struct link_programs tracer_programs(const struct tracer *tracer)
{
	struct heaptap_bpf *skel = tracer->skel;

	if (tracer->is_spy)
		return spy_programs__links(skel, tracer->kind);
	return (struct link_programs){
		.call_return = skel->progs.on_call_return,
		.enter = tracer->kind == LINK_SESSION ? skel->progs.on_call_session
						      : skel->progs.on_call_enter,
		.return_site = skel->progs.on_return_site,
		.free = skel->progs.on_free,
		.query = skel->progs.on_query,
		.point = skel->progs.on_point,
	};
}

static void choose_programs(struct heaptap_bpf *skel, enum link_kind kind)
{
	bool session = kind == LINK_SESSION;
	int multi = kind == LINK_PERF ? 0 : ATTACH_TYPE_UPROBE_MULTI;

	bpf_program__set_autoload(skel->progs.on_call_session, session);
	bpf_program__set_autoload(skel->progs.on_call_enter, !session);
	bpf_program__set_autoload(skel->progs.on_call_return, !session);
	bpf_program__set_expected_attach_type(
		skel->progs.on_call_session, ATTACH_TYPE_UPROBE_SESSION);
	bpf_program__set_expected_attach_type(skel->progs.on_call_enter, multi);
	bpf_program__set_expected_attach_type(skel->progs.on_call_return, multi);
	bpf_program__set_expected_attach_type(skel->progs.on_return_site, multi);
	bpf_program__set_expected_attach_type(skel->progs.on_free, multi);
	bpf_program__set_expected_attach_type(skel->progs.on_query, multi);
	bpf_program__set_expected_attach_type(skel->progs.on_point, multi);
}

static void set_knobs(struct heaptap_bpf *skel, const struct tracer_config *config)
{
	skel->rodata->cfg_self_tgid = getpid();
	skel->rodata->cfg_helper_tgid = config->helper;
	skel->rodata->cfg_targets_only = config->targets_only;
	skel->rodata->cfg_follow_children = config->follow_children;
	skel->rodata->cfg_filter_uid = config->filter_uid;
	skel->rodata->cfg_uid = config->uid;
	skel->rodata->cfg_filter_comm = config->comm != NULL;
	if (config->comm)
		strncpy((char *)skel->rodata->cfg_comm, config->comm, TASK_COMM_LEN_MAX - 1);
	skel->rodata->cfg_filter_exe = config->filter_exe;
	skel->rodata->cfg_filter_cgroup = config->cgroup != NULL;
	skel->rodata->cfg_unwind =
		config->stack_mode == STACK_AUTO || config->stack_mode == STACK_DWARF;
	skel->rodata->cfg_frame_pointers = config->stack_mode != STACK_DWARF;
	skel->rodata->cfg_no_stacks = config->stack_mode == STACK_NONE;
	skel->rodata->cfg_declared = allocator_function_cnt > BUILTIN_FUNCTION_CNT;
	skel->rodata->cfg_ranges = config->ranges;
	skel->rodata->cfg_check = config->check;
	skel->rodata->cfg_stops = config->stops;
	skel->rodata->cfg_stop_when = config->stop_when;
	skel->bss->stop_at = config->stop_at;
	skel->rodata->cfg_page_shift = __builtin_ctzl(sysconf(_SC_PAGESIZE));
	skel->rodata->cfg_wakeup_bytes = config->ring_sz / 8;
	skel->rodata->cfg_sample_bytes = config->sample_bytes;
}

/* Of all processes together: 16 bytes each from the start, some 100 when it is used. */
#define SAMPLED_BLOCKS_MAX (1 << 20)

#define ANSWERS_MAX (128 * 1024) /* one that is forgotten is asked for again */

static int set_sizes(struct heaptap_bpf *skel, const struct tracer_config *config)
{
	int err = bpf_map__set_max_entries(skel->maps.events, config->ring_sz);

	if (!err && (config->stop_when || config->holds_exits))
		err = bpf_map__set_max_entries(skel->maps.answers, ANSWERS_MAX);
	if (!err && config->sample_bytes)
		err = bpf_map__set_max_entries(skel->maps.sampled_blocks, SAMPLED_BLOCKS_MAX);
	return err;
}

static int set_cgroup(struct tracer *tracer, const char *path)
{
	__u32 key = 0;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = bpf_map_update_elem(bpf_map__fd(tracer->skel->maps.cgroup), &key, &fd, BPF_ANY);
	close(fd);
	return err ? -errno : 0;
}

static int load_kind(struct tracer *tracer, const struct tracer_config *config, enum link_kind kind)
{
	struct link_programs programs;
	int err;

	tracer->kind = kind;
	tracer->skel = heaptap_bpf__open();
	if (!tracer->skel)
		return -errno;
	choose_programs(tracer->skel, kind);
	bpf_program__set_autoload(tracer->skel->progs.on_point, config->points);
	choose_spy_programs(tracer->skel, kind, config->spy);
	choose_mapping_hooks(tracer->skel);
	set_knobs(tracer->skel, config);
	err = set_sizes(tracer->skel, config);
	if (!err)
		err = heaptap_bpf__load(tracer->skel);
	if (!err && config->cgroup)
		err = set_cgroup(tracer, config->cgroup);
	programs = tracer_programs(tracer);
	if (!err)
		err = link_kind__try(kind, &programs, &tracer->trial);
	if (err) {
		heaptap_bpf__destroy(tracer->skel);
		tracer->skel = NULL;
	}
	return err;
}

/* Errors that another kind of link will not mend. */
static bool is_final(int err)
{
	return err == -EPERM || err == -ENOMEM || err == -ESRCH;
}

static int load(struct tracer *tracer, const struct tracer_config *config)
{
	int err = -EOPNOTSUPP;

	if (config->link != LINK_AUTO)
		return load_kind(tracer, config, config->link);
	for (int kind = LINK_SESSION; kind < LINK_KIND_CNT; kind++) {
		err = load_kind(tracer, config, kind);
		if (!err || is_final(err))
			break;
	}
	return err;
}

/* Before 6.10 uprobe.multi's pid named a thread (mended by 46ba0e49b642). */
static bool multi_pid_is_thread(void)
{
	struct utsname name;
	int major, minor;

	return !uname(&name) && sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
	       (major < 6 || (major == 6 && minor < 10));
}

static int attach_life(struct tracer *tracer)
{
	struct heaptap_bpf *skel = tracer->skel;

	skel->links.on_fork = bpf_program__attach(skel->progs.on_fork);
	if (!skel->links.on_fork)
		return -errno;
	skel->links.on_exec = bpf_program__attach(skel->progs.on_exec);
	if (!skel->links.on_exec)
		return -errno;
	/* Before the exit's own record. */
	if (tracer->is_spy)
		skel->links.on_spy_exit = bpf_program__attach(skel->progs.on_spy_exit);
	if (tracer->is_spy && !skel->links.on_spy_exit)
		return -errno;
	skel->links.on_exit = bpf_program__attach(skel->progs.on_exit);
	return skel->links.on_exit ? 0 : -errno;
}

static int begin_disposal(struct tracer *tracer)
{
	tracer->disposal = disposal__new(bpf_map__fd(tracer->skel->maps.rows_of_files));
	if (!tracer->disposal)
		return -ENOMEM;
	disposal__links(tracer->disposal, tracer->trial);
	tracer->trial = NULL;
	return 0;
}

int tracer__new(const struct tracer_config *config, struct tracer **ret_tracer, char **ret_log)
{
	struct tracer *tracer = calloc(1, sizeof(*tracer));
	int err = -ENOMEM;

	if (!tracer)
		return -ENOMEM;
	pthread_mutex_init(&tracer->settings_lock, NULL);
	pthread_cond_init(&tracer->settings_done, NULL);
	tracer->log = libbpf_log = open_memstream(&tracer->log_text, &tracer->log_sz);
	if (!tracer->log)
		goto err_out;
	libbpf_set_print(print_libbpf);
	tracer->multi_pid_is_thread = multi_pid_is_thread();
	tracer->is_spy = config->spy;
	err = load(tracer, config);
	if (!err)
		err = begin_disposal(tracer);
	if (!err)
		err = attach_life(tracer);
	if (!err && config->stack_mode != STACK_FP && config->stack_mode != STACK_NONE)
		tracer->mapping_hook = attach_mapping_hooks(tracer->skel);
	if (err)
		goto err_out;
	*ret_tracer = tracer;
	return 0;

err_out:
	if (ret_log && tracer->log && !fflush(tracer->log))
		*ret_log = strdup(tracer->log_text);
	tracer__free(tracer);
	return err;
}

static void wait_for_settings(struct tracer *tracer)
{
	pthread_mutex_lock(&tracer->settings_lock);
	while (tracer->settings_cnt)
		pthread_cond_wait(&tracer->settings_done, &tracer->settings_lock);
	pthread_mutex_unlock(&tracer->settings_lock);
}

static void detach_files(struct tracer *tracer)
{
	file_links__detach_all(tracer->files, tracer->file_cnt);
	tracer->file_cnt = 0;
}

void tracer__detach(struct tracer *tracer)
{
	tracer->skel->bss->spy_is_ending = true;
	detach_files(tracer);
	heaptap_bpf__detach(tracer->skel);
}

void tracer__free(struct tracer *tracer)
{
	if (!tracer)
		return;
	wait_for_settings(tracer);
	disposal__free(tracer->disposal);
	detach_files(tracer);
	file_links__detach(tracer->trial);
	free(tracer->files);
	heaptap_bpf__destroy(tracer->skel);
	libbpf_log = NULL;
	if (tracer->log)
		fclose(tracer->log);
	free(tracer->log_text);
	free(tracer);
}

enum link_kind tracer__link_kind(const struct tracer *tracer)
{
	return tracer->kind;
}

const char *tracer__mapping_hook(const struct tracer *tracer)
{
	return tracer->mapping_hook;
}

int tracer__ring_fd(const struct tracer *tracer)
{
	return bpf_map__fd(tracer->skel->maps.events);
}

int tracer__new_files_fd(const struct tracer *tracer)
{
	return bpf_map__fd(tracer->skel->maps.new_files);
}

int tracer__add_target(struct tracer *tracer, pid_t tgid)
{
	__u32 key = tgid;
	__u8 one = 1;

	return bpf_map_update_elem(bpf_map__fd(tracer->skel->maps.targets), &key, &one, BPF_ANY)
		       ? -errno
		       : 0;
}

bool tracer__is_target(const struct tracer *tracer, pid_t tgid)
{
	__u32 key = tgid;
	__u8 one;

	return !tracer->skel->rodata->cfg_targets_only ||
	       !bpf_map_lookup_elem(bpf_map__fd(tracer->skel->maps.targets), &key, &one);
}

struct file_key { /* as in bpf/maps.bpf.h */
	__u64 inode;
	__u32 dev, generation;
};

int tracer__add_exe(struct tracer *tracer, uint32_t dev, uint64_t inode)
{
	struct file_key key = {.inode = inode, .dev = dev};
	int fd = bpf_map__fd(tracer->skel->maps.wanted_exes);
	__u8 one = 1;

	return bpf_map_update_elem(fd, &key, &one, BPF_ANY) ? -errno : 0;
}

int tracer__number_file(struct tracer *tracer, uint32_t dev, uint64_t inode, uint32_t generation,
	uint32_t *ret_number)
{
	struct file_key key = {.inode = inode, .dev = dev, .generation = generation};
	__u32 number = __sync_add_and_fetch(&tracer->skel->data->last_file, 1);

	if (bpf_map_update_elem(
		    bpf_map__fd(tracer->skel->maps.known_files), &key, &number, BPF_ANY))
		return -errno;
	*ret_number = number;
	return 0;
}

#define ROWS_PER_UPDATE 65536

static int fill_rows(int fd, const struct unwind_row *rows, size_t row_cnt)
{
	struct unwind_row header = {.file_offset = row_cnt};
	__u32 *keys = calloc(ROWS_PER_UPDATE, sizeof(*keys)), first = 0, cnt;
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	int err = keys ? bpf_map_update_elem(fd, &first, &header, BPF_ANY) : -ENOMEM;

	while (!err && first < row_cnt) {
		cnt = row_cnt - first < ROWS_PER_UPDATE ? row_cnt - first : ROWS_PER_UPDATE;
		for (__u32 i = 0; i < cnt; i++)
			keys[i] = first + i + 1;
		err = bpf_map_update_batch(fd, keys, rows + first, &cnt, &opts);
		first += cnt;
	}
	free(keys);
	return err;
}

int tracer__load_rows(struct tracer *tracer, const struct unwind_row *rows, size_t row_cnt)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_INNER_MAP);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "unwind_rows", sizeof(__u32), sizeof(*rows),
		row_cnt + 1, &opts);
	int err = fd < 0 ? -errno : fill_rows(fd, rows, row_cnt);

	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	return err;
}

struct rows_setting {
	struct tracer *tracer;
	uint32_t number;
	int rows_fd; /* own */
};

static void *set_rows(void *arg)
{
	struct rows_setting *setting = arg;
	struct tracer *tracer = setting->tracer;
	int fd = bpf_map__fd(tracer->skel->maps.rows_of_files);

	bpf_map_update_elem(fd, &setting->number, &setting->rows_fd, BPF_ANY);
	close(setting->rows_fd);
	free(setting);
	pthread_mutex_lock(&tracer->settings_lock);
	if (!--tracer->settings_cnt)
		pthread_cond_broadcast(&tracer->settings_done);
	pthread_mutex_unlock(&tracer->settings_lock);
	return NULL;
}

static void count_setting(struct tracer *tracer)
{
	pthread_mutex_lock(&tracer->settings_lock);
	tracer->settings_cnt++;
	pthread_mutex_unlock(&tracer->settings_lock);
}

int tracer__set_rows(struct tracer *tracer, uint32_t number, int rows_fd)
{
	struct rows_setting *setting = malloc(sizeof(*setting));
	pthread_t thread;

	if (!setting)
		return -ENOMEM;
	*setting = (struct rows_setting){
		.tracer = tracer,
		.number = number,
		.rows_fd = fcntl(rows_fd, F_DUPFD_CLOEXEC, 3),
	};
	count_setting(tracer);
	if (pthread_create(&thread, NULL, set_rows, setting))
		set_rows(setting);
	else
		pthread_detach(thread);
	return 0;
}

/* The kernel side has it by its generation, or (tracer__number_file) without. */
void tracer__unlist_number(
	struct tracer *tracer, uint32_t dev, uint64_t inode, uint32_t generation, uint32_t number)
{
	struct file_key keys[] = {{inode, dev, generation}, {inode, dev, 0}};
	int fd = bpf_map__fd(tracer->skel->maps.known_files);
	__u32 found;

	for (size_t i = 0; i < 2; i++) {
		if (!bpf_map_lookup_elem(fd, &keys[i], &found) && found == number)
			bpf_map_delete_elem(fd, &keys[i]);
	}
}

void tracer__forget_number(struct tracer *tracer, uint32_t number)
{
	bpf_map_delete_elem(bpf_map__fd(tracer->skel->maps.late_files), &number);
	disposal__rows(tracer->disposal, number);
}

void tracer__end_epoch(struct tracer *tracer)
{
	__sync_fetch_and_add(&tracer->skel->bss->map_epoch, 1);
}

static int keep_links(struct tracer *tracer, struct file_links *links)
{
	struct file_links **files = array__with_room(
		tracer->files, tracer->file_cnt, 1, &tracer->file_cap, sizeof(*files));

	if (!files)
		return -ENOMEM;
	tracer->files = files;
	tracer->files[tracer->file_cnt++] = links;
	return 0;
}

bool tracer__probes_by_process(const struct tracer *tracer)
{
	return tracer->kind != LINK_MULTI || !tracer->multi_pid_is_thread;
}

int tracer__attach_file(struct tracer *tracer, int fd, const struct probe_sites *sites, pid_t pid,
	struct file_links **ret_links)
{
	struct link_programs programs = tracer_programs(tracer);
	struct file_links *links;
	int err;

	wait_for_settings(tracer);
	err = file_links__attach(tracer->kind, &programs, fd, sites, pid, &links);
	if (err)
		return err;
	err = keep_links(tracer, links);
	if (err)
		file_links__detach(links);
	else
		*ret_links = links;
	return err;
}

void tracer__detach_file(struct tracer *tracer, struct file_links *links)
{
	size_t i = 0;

	while (i < tracer->file_cnt && tracer->files[i] != links)
		i++;
	if (i == tracer->file_cnt)
		return; /* with all others, by tracer__detach */
	tracer->files[i] = tracer->files[--tracer->file_cnt];
	disposal__links(tracer->disposal, links);
}

void tracer__counters(
	const struct tracer *tracer, pid_t tgid, uint32_t image, struct counters *ret_counters)
{
	__u32 key[2] = {tgid, image};

	if (bpf_map_lookup_elem(bpf_map__fd(tracer->skel->maps.image_counters), key, ret_counters))
		memset(ret_counters, 0, sizeof(*ret_counters));
}

void tracer__stop_at(struct tracer *tracer, uint64_t number, pid_t tgid)
{
	tracer->skel->bss->stop_at = 0; /* the two are not set at once */
	tracer->skel->bss->stop_tgid = tgid;
	__sync_synchronize();
	tracer->skel->bss->stop_at = number;
}

int tracer__answer(struct tracer *tracer, uint64_t question, enum answer answer)
{
	__u8 value = answer;

	if (bpf_map_update_elem(bpf_map__fd(tracer->skel->maps.answers), &question, &value,
		    BPF_NOEXIST))
		return -errno;
	return 0;
}

bool tracer__claim_stop(struct tracer *tracer)
{
	return __sync_bool_compare_and_swap(&tracer->skel->bss->stop_when_done, 0, 1);
}

uint64_t tracer__alloc_number(const struct tracer *tracer, pid_t tgid, uint32_t image)
{
	__u32 key[2] = {tgid, image};
	uint64_t number;

	if (bpf_map_lookup_elem(bpf_map__fd(tracer->skel->maps.alloc_numbers), key, &number))
		return 0;
	return number;
}

void tracer__forget_image(struct tracer *tracer, pid_t tgid, uint32_t image)
{
	__u32 key[2] = {tgid, image};

	bpf_map_delete_elem(bpf_map__fd(tracer->skel->maps.image_counters), key);
}

struct sampled_key { /* as in bpf/sample.bpf.h */
	__u64 addr;
	__u32 tgid, image;
};

void tracer__forget_block(struct tracer *tracer, pid_t tgid, uint32_t image, uint64_t addr)
{
	struct sampled_key key = {.addr = addr, .tgid = tgid, .image = image};

	bpf_map_delete_elem(bpf_map__fd(tracer->skel->maps.sampled_blocks), &key);
}

struct spy_losses tracer__spy_losses(const struct tracer *tracer)
{
	return tracer->skel->bss->spy_losses;
}

void tracer__each_counters(const struct tracer *tracer,
	void (*visit)(pid_t tgid, uint32_t image, const struct counters *counters, void *arg),
	void *arg)
{
	int fd = bpf_map__fd(tracer->skel->maps.image_counters);
	struct counters counters;
	__u32 key[2], next[2];
	bool more = !bpf_map_get_next_key(fd, NULL, next);

	while (more) {
		memcpy(key, next, sizeof(key));
		more = !bpf_map_get_next_key(fd, key, next);
		if (!bpf_map_lookup_elem(fd, key, &counters))
			visit(key[0], key[1], &counters, arg);
	}
}

const struct counters *tracer__stray_counters(const struct tracer *tracer)
{
	return (const struct counters *)&tracer->skel->bss->stray_counters;
}
