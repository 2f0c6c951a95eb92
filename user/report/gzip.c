/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* zlib, in pieces: its sizes have 32 bits. */
#include "report/gzip.h"

#include <errno.h>
#include <zlib.h>

void gzip__put(struct output *out, const uint8_t *bytes, size_t sz)
{
	enum { WINDOW_BITS = 15, AS_GZIP = 16, MEMORY_LEVEL = 8, PIECE = 1 << 30 };
	z_stream stream = {.next_in = (Bytef *)bytes};
	uint8_t buf[16384];
	int ret;

	if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_BITS + AS_GZIP,
		    MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
		out->err = -ENOMEM;
		return;
	}
	do {
		if (!stream.avail_in) {
			stream.avail_in = sz < PIECE ? sz : PIECE;
			sz -= stream.avail_in;
		}
		stream.next_out = buf;
		stream.avail_out = sizeof(buf);
		ret = deflate(&stream, sz ? Z_NO_FLUSH : Z_FINISH);
		output__write(out, (char *)buf, sizeof(buf) - stream.avail_out);
	} while (ret == Z_OK && !out->err);
	deflateEnd(&stream);
}
