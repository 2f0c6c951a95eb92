/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sampling (--sample BYTES): which blocks are told of, if not all.
 *
 * The bytes that a thread asks for are a line, on which points lie at random: a Poisson process,
 * one point in cfg_sample_bytes on the average. A block is sampled if a point falls into it, so a
 * block of s bytes with probability 1 - e^(-s/BYTES), whatever came before it. The books count it
 * as the inverse of that many (user/heap/sampling.h), which makes sums right on the average for any
 * mixture of sizes. A thread counts down to its next point (poisson.h). After a sampled block it
 * draws anew: the process has no memory, so where in the block the point lay does not matter.
 *
 * Pairing. The addresses of sampled blocks are kept here, and only a free that finds its block
 * among them is told of. A block goes in before its record is written, which is before its caller
 * gets the address; it goes out before its free's record is, which is before the address can be
 * given out again. A block that finds no room is not told of at all, and counted. So the books and
 * this table hold the same blocks, and what is freed is never shown as outstanding. At an image's
 * end the collector takes out what is left of it, which it knows from its books.
 *
 * After a fork the child has copies of its parent's sampled blocks, which are not in the table
 * under its name. Copying them here would take as long as there are blocks, and looking for them
 * under the parent's name fails when the parent frees them first. So a forked image tells of all
 * its frees until it calls exec, and the books know which blocks they have. A vfork's child acts in
 * its parent's name.
 *
 * With cfg_sample_bytes 0 the verifier removes every branch that leads here.
 */
#ifndef HEAPTAP_SAMPLE_BPF_H
#define HEAPTAP_SAMPLE_BPF_H

static inline __u64 random_u64(void)
{
	return (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
}

#include "poisson.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct sampled_key);
	__type(value, __u8);
} sampled_blocks SEC(".maps");

struct forked {
	struct image_key books; /* in whose name it allocates: its own, or its vfork parent's */
	__u32 has_copies;	/* of blocks that are in no table; no bool: maps take no padding */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 16);
	__type(key, struct image_key);
	__type(value, struct forked);
} forked_images SEC(".maps"); /* until they call exec or end */

struct sampler {	/* a thread's */
	__u64 distance; /* bytes to the next point, counting the byte in which it lies */
	struct forked of;
};

/* ---- apart from their callers, whose stack is nearly full, and verified once ---- */

static __always_inline struct forked forked_get(struct image_key image)
{
	struct forked *forked = bpf_map_lookup_elem(&forked_images, &image);

	return forked ? *forked : (struct forked){.books = image};
}

__noinline __u64 sample_distance(void)
{
	return poisson_distance(cfg_sample_bytes);
}

__noinline int sampler_start(struct sampler *sampler, __u32 tgid, __u32 image)
{
	if (!sampler)
		return 0;
	sampler->of = forked_get((struct image_key){tgid, image});
	sampler->distance = sample_distance();
	return 0;
}

__noinline int sampled_add(__u64 addr, __u32 tgid, __u32 image)
{
	struct sampled_key key = {addr, {tgid, image}};
	__u8 one = 1;

	if (!bpf_map_update_elem(&sampled_blocks, &key, &one, BPF_ANY))
		return 1;
	count_for(tgid, image, COUNTER_lost_samples);
	return 0;
}

/* Most blocks are not there, and looking takes no lock. */
__noinline int sampled_remove(__u64 addr, __u32 tgid, __u32 image)
{
	struct sampled_key key = {addr, {tgid, image}};

	if (!bpf_map_lookup_elem(&sampled_blocks, &key))
		return 0;
	bpf_map_delete_elem(&sampled_blocks, &key);
	return 1;
}

__noinline int forked_add(
	__u32 parent_tgid, __u32 parent_image, __u32 tgid, __u32 image, __u32 shares_memory)
{
	struct image_key child = {tgid, image};
	struct forked forked = {.books = child, .has_copies = true};

	if (shares_memory)
		forked = forked_get((struct image_key){parent_tgid, parent_image});
	if (bpf_map_update_elem(&forked_images, &child, &forked, BPF_ANY))
		count_for(tgid, image, COUNTER_lost_samples);
	return 0;
}

/* ---- a thread's blocks ---- */

/* It is seen for the first time in this image. */
static __always_inline void sampler_begin(struct sampler *sampler, __u32 tgid, __u32 image)
{
	if (cfg_sample_bytes)
		sampler_start(sampler, tgid, image);
}

/* Is a block of this size sampled? Once for each block. */
static __always_inline bool sampler_takes(struct sampler *sampler, __u64 size)
{
	if (!cfg_sample_bytes)
		return true;
	if (poisson_passes(&sampler->distance, size))
		return false;
	sampler->distance = sample_distance();
	return true;
}

/* From here on its free is told of. False (counted): it will not be. */
static __always_inline bool sampler_add(struct sampler *sampler, __u64 addr)
{
	return !cfg_sample_bytes || sampler->of.has_copies ||
	       sampled_add(addr, sampler->of.books.tgid, sampler->of.books.image);
}

/* It is freed: is that to be told of? */
static __always_inline bool sampler_remove(struct sampler *sampler, __u64 addr)
{
	return !cfg_sample_bytes || sampler->of.has_copies ||
	       sampled_remove(addr, sampler->of.books.tgid, sampler->of.books.image);
}

/* ---- life ---- */

static __always_inline void sample_fork(
	struct image_key parent, struct image_key child, bool shares_memory)
{
	if (cfg_sample_bytes)
		forked_add(parent.tgid, parent.image, child.tgid, child.image, shares_memory);
}

/* An image ends: exec or exit. */
static __always_inline void sample_end(__u32 tgid, __u32 image)
{
	struct image_key key = {tgid, image};

	if (cfg_sample_bytes)
		bpf_map_delete_elem(&forked_images, &key);
}

#endif
