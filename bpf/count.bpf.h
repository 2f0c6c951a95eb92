/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counting what is lost or left out, per process image: never on the common path. */
#ifndef HEAPTAP_COUNT_BPF_H
#define HEAPTAP_COUNT_BPF_H

static const struct counters no_counts = {};

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
	if (counter < COUNTER_CNT)
		__sync_fetch_and_add(&counters->count[counter], 1);
	return 0;
}

#endif
