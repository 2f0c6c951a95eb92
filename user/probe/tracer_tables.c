// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What this side sets and asks of the programs' tables: targets, stops, counters of images. */
#include <errno.h>
#include <string.h>
#include "probe/tracer_parts.h"

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

int tracer__add_exe(struct tracer *tracer, uint32_t dev, uint64_t inode)
{
	struct file_key key = {.inode = inode, .dev = dev};
	int fd = bpf_map__fd(tracer->skel->maps.wanted_exes);
	__u8 one = 1;

	return bpf_map_update_elem(fd, &key, &one, BPF_ANY) ? -errno : 0;
}

void tracer__counters(
	const struct tracer *tracer, pid_t tgid, uint32_t image, struct counters *ret_counters)
{
	struct image_key key = {tgid, image};

	if (bpf_map_lookup_elem(bpf_map__fd(tracer->skel->maps.image_counters), &key, ret_counters))
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

	if (bpf_map_update_elem(
		    bpf_map__fd(tracer->skel->maps.answers), &question, &value, BPF_NOEXIST))
		return -errno;
	return 0;
}

bool tracer__claim_stop(struct tracer *tracer)
{
	return __sync_bool_compare_and_swap(&tracer->skel->bss->stop_when_done, 0, 1);
}

uint64_t tracer__alloc_number(const struct tracer *tracer, pid_t tgid, uint32_t image)
{
	struct image_key key = {tgid, image};
	uint64_t number;

	if (bpf_map_lookup_elem(bpf_map__fd(tracer->skel->maps.alloc_numbers), &key, &number))
		return 0;
	return number;
}

void tracer__forget_image(struct tracer *tracer, pid_t tgid, uint32_t image)
{
	struct image_key key = {tgid, image};

	bpf_map_delete_elem(bpf_map__fd(tracer->skel->maps.image_counters), &key);
}

void tracer__forget_block(struct tracer *tracer, pid_t tgid, uint32_t image, uint64_t addr)
{
	struct sampled_key key = {addr, {tgid, image}};

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
	struct image_key key, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);

	while (more) {
		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (!bpf_map_lookup_elem(fd, &key, &counters))
			visit(key.tgid, key.image, &counters, arg);
	}
}

const struct counters *tracer__stray_counters(const struct tracer *tracer)
{
	return (const struct counters *)&tracer->skel->bss->stray_counters;
}
