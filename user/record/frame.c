/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What writer and reader of the frames have in common. */
#include <stddef.h>
#include <zlib.h>
#include "record/format.h"

uint32_t record_frame__crc(const struct record_frame *frame, const uint8_t *packed)
{
	uLong crc = crc32(0, (const Bytef *)&frame->packed_sz,
		sizeof(frame->packed_sz) + sizeof(frame->plain_sz));

	return crc32(crc, packed, frame->packed_sz);
}
