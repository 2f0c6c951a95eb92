// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Session and multi links are made by the bpf(2) system call itself: the libbpf of stable
 * distributions (1.1) does not know them yet, and all that it would do is fill in this structure.
 * A file is named by /proc/self/fd/N, which the kernel follows to the very file that was scanned,
 * whatever its path leads to by now.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "probe/link.h"

/* include/uapi/linux/bpf.h of kernel 6.13; the numbers are ABI. */
#define ATTACH_UPROBE_MULTI 48	 /* BPF_TRACE_UPROBE_MULTI */
#define ATTACH_UPROBE_SESSION 57 /* BPF_TRACE_UPROBE_SESSION */
#define UPROBE_MULTI_RETURN 1	 /* BPF_F_UPROBE_MULTI_RETURN */

struct link_create_uprobe_multi { /* of union bpf_attr */
	__u32 prog_fd;
	__u32 target_fd;
	__u32 attach_type;
	__u32 flags;
	__aligned_u64 path;
	__aligned_u64 offsets;
	__aligned_u64 ref_ctr_offsets;
	__aligned_u64 cookies;
	__u32 cnt;
	__u32 multi_flags;
	__u32 pid;
	__u32 reserved;
};

struct file_links {
	int *fds; /* of links, and of the perf events that they are on */
	size_t fd_cnt;
};

/* Which sites a link takes, in the order of attaching: what is seen to begin is seen to end. */
enum side {
	SIDE_FREE,
	SIDE_FREE_RETURN,
	SIDE_FREE_CALL,
	SIDE_RETURN_SITE,
	SIDE_RETURN,
	SIDE_ENTER,
	SIDE_CALL,
	SIDE_QUERY,
	SIDE_POINT,
	SIDE_CNT,
};

static const char *const kind_names[LINK_KIND_CNT] = {
	[LINK_AUTO] = "auto",
	[LINK_SESSION] = "session",
	[LINK_MULTI] = "multi",
	[LINK_PERF] = "perf",
};

const char *link_kind__name(enum link_kind kind)
{
	return kind_names[kind];
}

int link_kind__parse(const char *name, enum link_kind *ret_kind)
{
	for (int kind = 0; kind < LINK_KIND_CNT; kind++) {
		if (!strcmp(name, kind_names[kind])) {
			*ret_kind = kind;
			return 0;
		}
	}
	return -EINVAL;
}

static bool side_takes(enum side side, const struct probe_site *site)
{
	static const enum site_kind kinds[SIDE_CNT] = {
		[SIDE_FREE] = SITE_FREE,
		[SIDE_FREE_RETURN] = SITE_FOLLOWED_FREE,
		[SIDE_FREE_CALL] = SITE_FOLLOWED_FREE,
		[SIDE_RETURN_SITE] = SITE_RETURN,
		[SIDE_RETURN] = SITE_CALL,
		[SIDE_ENTER] = SITE_ENTRY,
		[SIDE_CALL] = SITE_CALL,
		[SIDE_QUERY] = SITE_QUERY,
		[SIDE_POINT] = SITE_POINT,
	};

	return site->kind == kinds[side];
}

static const struct bpf_program *side_program(const struct link_programs *programs, enum side side)
{
	const struct bpf_program *by_side[SIDE_CNT] = {
		[SIDE_FREE] = programs->free,
		[SIDE_FREE_RETURN] = programs->call_return,
		[SIDE_FREE_CALL] = programs->enter,
		[SIDE_RETURN_SITE] = programs->return_site,
		[SIDE_RETURN] = programs->call_return,
		[SIDE_ENTER] = programs->enter,
		[SIDE_CALL] = programs->enter,
		[SIDE_QUERY] = programs->query,
		[SIDE_POINT] = programs->point,
	};

	return by_side[side];
}

/* By a session if there are any. */
static bool side_is_call(enum side side)
{
	return side == SIDE_CALL || side == SIDE_ENTER || side == SIDE_FREE_CALL;
}

static bool side_is_return(enum side side)
{
	return side == SIDE_RETURN || side == SIDE_FREE_RETURN;
}

/* A link for all sites of one side: its fd, -ENOENT if there are none, or -errno. */
static int multi_link(const struct link_programs *programs, enum side side, __u32 attach_type,
	const char *path, const struct probe_sites *sites, pid_t pid)
{
	__u64 offsets[sites->cnt], cookies[sites->cnt];
	struct link_create_uprobe_multi attr = {
		.prog_fd = bpf_program__fd(side_program(programs, side)),
		.attach_type = attach_type,
		.path = (__u64)(unsigned long)path,
		.offsets = (__u64)(unsigned long)offsets,
		.cookies = (__u64)(unsigned long)cookies,
		.multi_flags = side_is_return(side) ? UPROBE_MULTI_RETURN : 0,
		.pid = pid > 0 ? pid : 0,
	};
	int fd;

	for (size_t i = 0; i < sites->cnt; i++) {
		if (!side_takes(side, &sites->sites[i]))
			continue;
		offsets[attr.cnt] = sites->sites[i].file_offset;
		cookies[attr.cnt++] = sites->sites[i].cookie;
	}
	if (!attr.cnt)
		return -ENOENT;
	fd = syscall(__NR_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

static int add_multi(struct file_links *links, const struct link_programs *programs, enum side side,
	__u32 attach_type, const char *path, const struct probe_sites *sites, pid_t pid)
{
	int fd = multi_link(programs, side, attach_type, path, sites, pid);

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	links->fds[links->fd_cnt++] = fd;
	return 0;
}

static int attach_multi(struct file_links *links, enum link_kind kind,
	const struct link_programs *programs, const char *path, const struct probe_sites *sites,
	pid_t pid)
{
	bool session = kind == LINK_SESSION;
	int err = 0;

	links->fds = calloc(SIDE_CNT, sizeof(*links->fds));
	if (!links->fds)
		return -ENOMEM;
	for (int side = 0; side < SIDE_CNT && !err; side++) {
		bool is_session = session && side_is_call(side);

		/* A session's entries and returns are one link. */
		if (!session || !side_is_return(side))
			err = add_multi(links, programs, side,
				is_session ? ATTACH_UPROBE_SESSION : ATTACH_UPROBE_MULTI, path,
				sites, pid);
	}
	return err;
}

/* What sysfs says of the perf PMU "uprobe": a number, or the one behind "config:". */
static int uprobe_pmu(const char *name)
{
	char path[96];
	int value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/uprobe/%s", name);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	if (fscanf(file, "config:%d", &value) != 1 && fscanf(file, "%d", &value) != 1)
		value = -EIO;
	fclose(file);
	return value;
}

/* libbpf's own links would be disabled before they are closed, and the kernel waits for each of the
 * two: here they are only closed. */
static int perf_uprobe(enum side side, const char *path, __u64 offset, pid_t pid)
{
	int type = uprobe_pmu("type"), return_bit = uprobe_pmu("format/retprobe");
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = type,
		.config = side_is_return(side) ? 1ull << return_bit : 0,
		.uprobe_path = (__u64)(unsigned long)path,
		.probe_offset = offset,
	};
	int fd;

	if (type < 0 || return_bit < 0)
		return -EOPNOTSUPP;
	fd = syscall(SYS_perf_event_open, &attr, pid, pid < 0 ? 0 : -1, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int add_perf(struct file_links *links, const struct link_programs *programs, enum side side,
	const char *path, const struct probe_site *site, pid_t pid)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = site->cookie);
	int fd = perf_uprobe(side, path, site->file_offset, pid), link;

	if (fd < 0)
		return fd;
	links->fds[links->fd_cnt++] = fd;
	link = bpf_link_create(
		bpf_program__fd(side_program(programs, side)), fd, BPF_PERF_EVENT, &opts);
	if (link < 0)
		return link;
	links->fds[links->fd_cnt++] = link;
	return 0;
}

static int attach_perf(struct file_links *links, const struct link_programs *programs,
	const char *path, const struct probe_sites *sites, pid_t pid)
{
	int err = 0;

	links->fds = calloc(sites->cnt * 4, sizeof(*links->fds));
	if (!links->fds)
		return -ENOMEM;
	for (int side = 0; side < SIDE_CNT; side++) {
		for (size_t i = 0; i < sites->cnt && !err; i++) {
			if (side_takes(side, &sites->sites[i]))
				err = add_perf(links, programs, side, path, &sites->sites[i], pid);
		}
	}
	return err;
}

int file_links__attach(enum link_kind kind, const struct link_programs *programs, int fd,
	const struct probe_sites *sites, pid_t pid, struct file_links **ret_links)
{
	struct file_links *links = calloc(1, sizeof(*links));
	char path[64];
	int err;

	if (!links)
		return -ENOMEM;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = kind == LINK_PERF ? attach_perf(links, programs, path, sites, pid)
				: attach_multi(links, kind, programs, path, sites, pid);
	if (err) {
		file_links__detach(links);
		return err;
	}
	*ret_links = links;
	return 0;
}

void file_links__detach(struct file_links *links)
{
	if (!links)
		return;
	while (links->fd_cnt)
		close(links->fds[--links->fd_cnt]);
	free(links->fds);
	free(links);
}

static void *detach(void *links)
{
	file_links__detach(links);
	return NULL;
}

static void join_all(pthread_t *threads, size_t *thread_cnt)
{
	while (*thread_cnt)
		pthread_join(threads[--*thread_cnt], NULL);
}

#define SIDE_BY_SIDE 64

void file_links__detach_all(struct file_links **links, size_t cnt)
{
	pthread_t threads[SIDE_BY_SIDE];
	size_t thread_cnt = 0;

	for (size_t i = 0; i < cnt; i++) {
		if (pthread_create(&threads[thread_cnt], NULL, detach, links[i]))
			detach(links[i]);
		else
			thread_cnt++;
		if (thread_cnt == SIDE_BY_SIDE)
			join_all(threads, &thread_cnt);
	}
	join_all(threads, &thread_cnt);
}

/* A file that nobody maps: something to attach to without a breakpoint being put anywhere. */
static int trial_file(void)
{
	static const char nops[64] = {[0 ... 63] = (char)0x90};
	int fd = memfd_create("heaptap-trial", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, nops, sizeof(nops)) == sizeof(nops))
		return fd;
	close(fd);
	return -EIO;
}

int link_kind__try(
	enum link_kind kind, const struct link_programs *programs, struct file_links **ret_links)
{
	struct probe_site sites[] = {
		{.file_offset = 0, .kind = SITE_CALL},
		{.file_offset = 16, .kind = SITE_ENTRY},
		{.file_offset = 24, .kind = SITE_RETURN},
		{.file_offset = 32, .kind = SITE_FREE},
		{.file_offset = 40, .kind = SITE_QUERY},
	};
	struct probe_sites trial = {.sites = sites, .cnt = sizeof(sites) / sizeof(*sites)};
	int fd = trial_file(), err;

	if (fd < 0)
		return fd;
	err = file_links__attach(kind, programs, fd, &trial, -1, ret_links);
	close(fd);
	return err;
}
