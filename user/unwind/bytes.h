/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading numbers of DWARF from bytes that nobody vouches for. A read beyond the end gives 0 and
 * sets `failed`, which stays: a caller may read a whole record and look once.
 */
#ifndef HEAPTAP_UNWIND_BYTES_H
#define HEAPTAP_UNWIND_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	const uint8_t *at, *end;
	bool failed;
};

/* The next `sz` bytes, which stay where they are; NULL if there are not as many. */
const uint8_t *bytes__take(struct bytes *bytes, uint64_t sz);

uint64_t bytes__uint(struct bytes *bytes, size_t sz); /* little-endian, sz 1, 2, 4 or 8 */
int64_t bytes__sint(struct bytes *bytes, size_t sz);
uint64_t bytes__uleb(struct bytes *bytes); /* bits beyond 64 are dropped */
int64_t bytes__sleb(struct bytes *bytes);

/*
 * A pointer in one of the encodings of the LSB (Core Generic, "DWARF Exception Header Encoding"):
 * absolute or relative to its own place. `address` is that of the first byte of what is read from,
 * `base`. Other encodings fail.
 */
uint64_t bytes__pointer(
	struct bytes *bytes, uint8_t encoding, const uint8_t *base, uint64_t address);

#endif
