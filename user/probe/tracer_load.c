// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a kernel can do is found by trying, from the best kind of link to the oldest: the programs
 * of a kind are loaded, and attached to a file that nobody maps. A kind is right when both work.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "probe/mapping_hooks.h"
#include "probe/spy_programs.h"
#include "probe/tracer_parts.h"

struct link_programs tracer__programs(const struct tracer *tracer)
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
	programs = tracer__programs(tracer);
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

int tracer__load(struct tracer *tracer, const struct tracer_config *config)
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
