/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counting what is lost or left out, per process image: never on the common path. */
#ifndef HEAPTAP_COUNT_BPF_H
#define HEAPTAP_COUNT_BPF_H

static const struct counters no_counts = {};

/* Which blocks may be gone without a record: those that were there before this moment. It only goes
 * forward, whoever is interrupted here; four CPUs that lose at once are enough. */
static __always_inline void note_lost_free(struct counters *counters)
{
	__u64 now = bpf_ktime_get_ns(), old;

	for (int i = 0; i < 4; i++) {
		old = counters->lost_free_ns;
		if (old >= now ||
			__sync_val_compare_and_swap(&counters->lost_free_ns, old, now) == old)
			break;
	}
}

/* Without memory for a thread's state no call of it is seen, frees neither. An arena that is emptied
 * or ended frees what is in it. */
static __always_inline bool may_be_free(__u32 counter)
{
	return counter == COUNTER_lost_frees || counter == COUNTER_no_memory ||
	       counter == COUNTER_lost_arenas;
}

__noinline int count_for(__u32 tgid, __u32 image, __u32 counter)
{
	struct image_key key = {tgid, image};
	struct counters *counters = bpf_map_lookup_elem(&image_counters, &key);

	if (!counters) {
		bpf_map_update_elem(&image_counters, &key, &no_counts, BPF_NOEXIST);
		counters = bpf_map_lookup_elem(&image_counters, &key);
	}
	if (!counters)
		counters = &stray_counters;
	if (may_be_free(counter))
		note_lost_free(counters);
	if (counter < COUNTER_CNT)
		__sync_fetch_and_add(&counters->count[counter], 1);
	return 0;
}

#endif
