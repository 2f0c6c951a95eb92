/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers of DWARF (DWARF 5, 7.6 "Variable Length Data") and pointers of .eh_frame. */
#include <dwarf.h>

#include "unwind/bytes.h"

#define ENCODING_FORMAT 0x0f
#define ENCODING_BASE 0xf0 /* with DW_EH_PE_indirect */

const uint8_t *bytes__take(struct bytes *bytes, uint64_t sz)
{
	const uint8_t *taken = bytes->at;

	if (bytes->failed || sz > (uint64_t)(bytes->end - bytes->at)) {
		bytes->failed = true;
		return NULL;
	}
	bytes->at += sz;
	return taken;
}

uint64_t bytes__uint(struct bytes *bytes, size_t sz)
{
	const uint8_t *taken = bytes__take(bytes, sz);
	uint64_t value = 0;

	for (size_t i = 0; taken && i < sz; i++)
		value |= (uint64_t)taken[i] << 8 * i;
	return value;
}

/* The lowest `bit_cnt` bits as a signed number. */
static int64_t sign_extend(uint64_t value, unsigned int bit_cnt)
{
	uint64_t sign = 1ull << (bit_cnt - 1);

	return (int64_t)((value ^ sign) - sign);
}

int64_t bytes__sint(struct bytes *bytes, size_t sz)
{
	return sign_extend(bytes__uint(bytes, sz), 8 * sz);
}

static uint64_t read_leb(struct bytes *bytes, unsigned int *ret_bit_cnt)
{
	unsigned int bit_cnt = 0;
	uint64_t value = 0;
	uint8_t byte;

	do {
		byte = bytes__uint(bytes, 1);
		if (bit_cnt < 64) {
			value |= (uint64_t)(byte & 0x7f) << bit_cnt;
			bit_cnt += 7;
		}
	} while (byte & 0x80);
	*ret_bit_cnt = bit_cnt < 64 ? bit_cnt : 64;
	return value;
}

uint64_t bytes__uleb(struct bytes *bytes)
{
	unsigned int bit_cnt;

	return read_leb(bytes, &bit_cnt);
}

int64_t bytes__sleb(struct bytes *bytes)
{
	unsigned int bit_cnt;
	uint64_t value = read_leb(bytes, &bit_cnt);

	return sign_extend(value, bit_cnt);
}

static uint64_t read_format(struct bytes *bytes, uint8_t format)
{
	switch (format) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		return bytes__uint(bytes, 8);
	case DW_EH_PE_udata2:
		return bytes__uint(bytes, 2);
	case DW_EH_PE_sdata2:
		return bytes__sint(bytes, 2);
	case DW_EH_PE_udata4:
		return bytes__uint(bytes, 4);
	case DW_EH_PE_sdata4:
		return bytes__sint(bytes, 4);
	case DW_EH_PE_uleb128:
		return bytes__uleb(bytes);
	case DW_EH_PE_sleb128:
		return bytes__sleb(bytes);
	}
	bytes->failed = true;
	return 0;
}

uint64_t bytes__pointer(
	struct bytes *bytes, uint8_t encoding, const uint8_t *base, uint64_t address)
{
	uint64_t own = address + (bytes->at - base);
	uint64_t value = read_format(bytes, encoding & ENCODING_FORMAT);

	switch (encoding & ENCODING_BASE) {
	case 0:
		return value;
	case DW_EH_PE_pcrel:
		return own + value;
	}
	bytes->failed = true;
	return 0;
}
