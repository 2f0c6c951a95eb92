// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Whether a kernel function can be traced is tried: it may be missing, compiled without the hook, or
 * closed by the system's policy. A tracepoint is known by a number in tracefs, which is opened
 * without being mounted anywhere (fsopen(2), 5.2).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/types.h>
#include <heaptap/event.h>
#include "heaptap.skel.h"
#include "probe/mapping_hooks.h"

static bool can_trace(const char *function)
{
	const struct bpf_insn return_0[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int id = libbpf_find_vmlinux_btf_id(function, BPF_TRACE_FENTRY), fd;
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY,
		.attach_btf_id = id);

	if (id < 0)
		return false;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "trial", "Dual BSD/GPL", return_0, 2, &opts);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

void choose_mapping_hooks(struct heaptap_bpf *skel)
{
	bool fentry = can_trace("uprobe_mmap") && can_trace("uprobe_munmap");

	bpf_program__set_autoload(skel->progs.on_mapped, fentry);
	bpf_program__set_autoload(skel->progs.on_unmapped, fentry);
	bpf_program__set_autoload(skel->progs.on_mmap, !fentry);
	bpf_program__set_autoload(skel->progs.on_munmap, !fentry);
}

static int open_tracefs(void)
{
	int context = fsopen("tracefs", FSOPEN_CLOEXEC), fd = -1;

	if (context < 0)
		return -1;
	if (!fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		fd = fsmount(context, FSMOUNT_CLOEXEC, 0);
	close(context);
	return fd;
}

/* The tracepoint's number in perf_event_open(2); -1: there is none. */
static int tracepoint_number(int tracefs, const char *name)
{
	char path[128], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), "events/syscalls/%s/id", name);
	fd = openat(tracefs, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (read(fd, text, sizeof(text) - 1) <= 0)
		text[0] = '\0';
	close(fd);
	return *text ? atoi(text) : -1;
}

static struct bpf_link *attach_syscall(struct bpf_program *program, int tracefs, const char *name)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = tracepoint_number(tracefs, name),
	};
	struct bpf_link *link;
	int fd;

	if ((int)attr.config < 0)
		return NULL;
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return NULL;
	link = bpf_program__attach_perf_event(program, fd); /* takes the fd over */
	if (!link)
		close(fd);
	return link;
}

static const char *attach_syscalls(struct heaptap_bpf *skel)
{
	int tracefs = open_tracefs();

	if (tracefs < 0)
		return NULL;
	skel->links.on_mmap = attach_syscall(skel->progs.on_mmap, tracefs, "sys_exit_mmap");
	skel->links.on_munmap = attach_syscall(skel->progs.on_munmap, tracefs, "sys_enter_munmap");
	close(tracefs);
	return skel->links.on_mmap && skel->links.on_munmap ? "system calls" : NULL;
}

const char *attach_mapping_hooks(struct heaptap_bpf *skel)
{
	if (!bpf_program__autoload(skel->progs.on_mapped))
		return attach_syscalls(skel);
	skel->links.on_mapped = bpf_program__attach(skel->progs.on_mapped);
	skel->links.on_unmapped = bpf_program__attach(skel->progs.on_unmapped);
	return skel->links.on_mapped && skel->links.on_unmapped ? "fentry" : NULL;
}
