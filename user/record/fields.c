/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which members are recorded, under what number; and how each type is. */
#include "record/fields.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include "record/format.h"
#include "report/summary.h"

#define ROW(number, type, struct_name, member)                                                     \
	{                                                                                          \
		number, type, offsetof(struct struct_name, member), 0                              \
	}
#define ROW_OF(number, type, struct_name, member, cnt)                                             \
	{                                                                                          \
		number, type, offsetof(struct struct_name, member), cnt                            \
	}

/* A member's type must be the row's: told at compile time by sizes, where they differ. */
#define SAME_SIZE(struct_name, member, type)                                                       \
	_Static_assert(sizeof(((struct struct_name *)0)->member) == sizeof(type), #member)
SAME_SIZE(process_info, tgid, int32_t);
SAME_SIZE(process_info, state, int);
SAME_SIZE(summary, kind, int);
SAME_SIZE(summary_finding, kind, int);
SAME_SIZE(summary, time.tv_sec, int64_t);
SAME_SIZE(summary, time.tv_nsec, int64_t);
SAME_SIZE(summary_process, stacks_total, uint64_t);

/* A frame: `at` leads to it in the struct ("caller."), or is nothing. */
#define FRAME_ROWS(first, struct_name, at)                                                         \
	ROW((first) + 0, FIELD_U64, struct_name, at address),                                      \
		ROW((first) + 1, FIELD_STRING, struct_name, at function),                          \
		ROW((first) + 2, FIELD_U64, struct_name, at offset),                               \
		ROW((first) + 3, FIELD_STRING, struct_name, at file),                              \
		ROW((first) + 4, FIELD_U32, struct_name, at line),                                 \
		ROW((first) + 5, FIELD_U32, struct_name, at column),                               \
		ROW((first) + 6, FIELD_STRING, struct_name, at module),                            \
		ROW((first) + 7, FIELD_STRING, struct_name, at build_id),                          \
		ROW((first) + 8, FIELD_U64, struct_name, at module_offset),                        \
		ROW((first) + 9, FIELD_BOOL, struct_name, at inlined)

const struct field summary_fields[] = {
	ROW_OF(10, FIELD_ENUM, summary, kind, SUMMARY_KIND_CNT),
	ROW_OF(11, FIELD_I64, summary, time.tv_sec, 253402300800), /* below the year 10000 */
	ROW_OF(12, FIELD_I64, summary, time.tv_nsec, 1000000000),
	ROW(13, FIELD_DOUBLE, summary, uptime_s),
	ROW(14, FIELD_DOUBLE, summary, min_age_s),
	ROW(15, FIELD_STRING, summary, host),
	ROW(16, FIELD_STRING, summary, kernel),
	ROW(17, FIELD_STRING, summary, link),
	ROW(18, FIELD_U64, summary, events_received),
	ROW_OF(19, FIELD_COUNTS, summary, counters.count, COUNTER_CNT),
	ROW(20, FIELD_DOUBLE, summary, cpu_s),
	ROW(21, FIELD_U64, summary, rss_bytes),
	ROW(22, FIELD_U64, summary, unwind_files),
	ROW(23, FIELD_U64, summary, unwind_rows),
	ROW(24, FIELD_U64, summary, unwind_bytes),
	ROW(25, FIELD_DOUBLE, summary, unwind_load_s),
	ROW(26, FIELD_U64, summary, sample_bytes),
	ROW(27, FIELD_BOOL, summary, checked),
	ROW(100, FIELD_STRING, summary, checkpoint),
	ROW(101, FIELD_STRING, summary, previous_checkpoint),
	{0},
};

const struct field process_fields[] = {
	ROW(10, FIELD_I32, summary_process, info.tgid),
	ROW(11, FIELD_U32, summary_process, info.image),
	ROW(12, FIELD_U32, summary_process, info.exec),
	ROW(13, FIELD_U64, summary_process, info.start_ns),
	ROW_OF(14, FIELD_CHARS, summary_process, info.comm,
		sizeof(((struct process_info *)0)->comm)),
	ROW(15, FIELD_STRING, summary_process, info.exe),
	ROW(16, FIELD_BOOL, summary_process, info.from_birth),
	ROW(17, FIELD_BOOL, summary_process, info.incomplete),
	ROW_OF(18, FIELD_ENUM, summary_process, info.state, PROCESS_VANISHED + 1),
	ROW(19, FIELD_I32, summary_process, info.exit_code),
	ROW(20, FIELD_I32, summary_process, info.signal),
	ROW(21, FIELD_U64, summary_process, info.end_ns),
	ROW(22, FIELD_DOUBLE, summary_process, age_s),
	ROW(23, FIELD_BOOL, summary_process, complete),
	ROW(24, FIELD_U64, summary_process, totals.allocs),
	ROW(25, FIELD_U64, summary_process, totals.frees),
	ROW(26, FIELD_U64, summary_process, totals.bytes_allocated),
	ROW(27, FIELD_U64, summary_process, totals.outstanding_blocks),
	ROW(28, FIELD_U64, summary_process, totals.outstanding_bytes),
	ROW(29, FIELD_U64, summary_process, totals.peak_outstanding_bytes),
	ROW(30, FIELD_U64, summary_process, totals.failed_allocs),
	ROW(31, FIELD_U64, summary_process, anomalies.unmatched_frees),
	ROW(32, FIELD_U64, summary_process, anomalies.thread_cache_frees),
	ROW(33, FIELD_U64, summary_process, anomalies.nested_frees),
	ROW(34, FIELD_U64, summary_process, anomalies.replaced_blocks),
	ROW(35, FIELD_U64, summary_process, anomalies.unknown_stacks),
	ROW(36, FIELD_I64, summary_process, growth_bytes),
	ROW(37, FIELD_I64, summary_process, growth_blocks),
	ROW(38, FIELD_U64, summary_process, events_received),
	ROW_OF(39, FIELD_COUNTS, summary_process, counters.count, COUNTER_CNT),
	ROW(40, FIELD_U64, summary_process, filtered_bytes),
	ROW(41, FIELD_U64, summary_process, filtered_blocks),
	ROW(42, FIELD_U64, summary_process, stacks_total),
	ROW_OF(43, FIELD_COUNTS, summary_process, stack_ends, STACK_END_CNT),
	ROW(44, FIELD_U64, summary_process, stacks_lost),
	ROW(45, FIELD_STRING, summary_process, note),
	ROW(46, FIELD_BOOL, summary_process, mapped.is_told),
	ROW(47, FIELD_U64, summary_process, mapped.totals.maps),
	ROW(48, FIELD_U64, summary_process, mapped.totals.unmaps),
	ROW(49, FIELD_U64, summary_process, mapped.totals.bytes_mapped),
	ROW(50, FIELD_U64, summary_process, mapped.totals.outstanding_ranges),
	ROW(51, FIELD_U64, summary_process, mapped.totals.outstanding_bytes),
	ROW(52, FIELD_U64, summary_process, mapped.totals.peak_outstanding_bytes),
	ROW(53, FIELD_U64, summary_process, mapped.totals.unseen_unmaps),
	ROW_OF(54, FIELD_COUNTS, summary_process, mapped.totals.kind_bytes, RANGE_KIND_CNT),
	ROW(55, FIELD_I64, summary_process, mapped.growth_bytes),
	ROW(56, FIELD_U64, summary_process, mapped.filtered_bytes),
	ROW(57, FIELD_U64, summary_process, mapped.filtered_ranges),
	ROW(58, FIELD_U64, summary_process, mapped.stacks_total),
	ROW(59, FIELD_U64, summary_process, arenas.alive),
	ROW(60, FIELD_U64, summary_process, arenas.blocks),
	ROW(61, FIELD_U64, summary_process, arenas.bytes),
	ROW(62, FIELD_U64, summary_process, arenas.stacks_total),
	ROW(63, FIELD_U64, summary_process, allocs_estimate.sampled),
	ROW(64, FIELD_U64, summary_process, allocs_estimate.blocks_error),
	ROW(65, FIELD_U64, summary_process, allocs_estimate.bytes_error),
	ROW(66, FIELD_U64, summary_process, frees_error),
	ROW(67, FIELD_U64, summary_process, outstanding_estimate.sampled),
	ROW(68, FIELD_U64, summary_process, outstanding_estimate.blocks_error),
	ROW(69, FIELD_U64, summary_process, outstanding_estimate.bytes_error),
	ROW(70, FIELD_U64, summary_process, filtered_estimate.sampled),
	ROW(71, FIELD_U64, summary_process, filtered_estimate.blocks_error),
	ROW(72, FIELD_U64, summary_process, filtered_estimate.bytes_error),
	ROW(73, FIELD_U64, summary_process, blocks_in_doubt),
	ROW(74, FIELD_U64, summary_process, findings_left_out),
	ROW_OF(80, FIELD_COUNTS, summary_process, kind_bytes, BLOCK_KIND_CNT),
	ROW_OF(81, FIELD_COUNTS, summary_process, kind_blocks, BLOCK_KIND_CNT),
	ROW(100, FIELD_I64, summary_process, since.growth_bytes),
	ROW(101, FIELD_I64, summary_process, since.growth_blocks),
	ROW(102, FIELD_U64, summary_process, since.bytes),
	ROW(103, FIELD_U64, summary_process, since.blocks),
	{0},
};

const struct field stack_fields[] = {
	ROW(10, FIELD_U64, summary_stack, outstanding_bytes),
	ROW(11, FIELD_U64, summary_stack, outstanding_blocks),
	ROW(12, FIELD_U64, summary_stack, allocs),
	ROW(13, FIELD_U64, summary_stack, frees),
	ROW(14, FIELD_U64, summary_stack, bytes_allocated),
	ROW(15, FIELD_I64, summary_stack, growth_bytes),
	ROW(16, FIELD_DOUBLE, summary_stack, oldest_age_s),
	ROW(17, FIELD_DOUBLE, summary_stack, newest_age_s),
	ROW(18, FIELD_BOOL, summary_stack, complete),
	ROW(19, FIELD_STRING, summary_stack, end),
	ROW(20, FIELD_U64, summary_stack, id),
	ROW(21, FIELD_U64, summary_stack, estimate.sampled),
	ROW(22, FIELD_U64, summary_stack, estimate.blocks_error),
	ROW(23, FIELD_U64, summary_stack, estimate.bytes_error),
	ROW(24, FIELD_U64, summary_stack, blocks_in_doubt),
	ROW_OF(80, FIELD_ENUM, summary_stack, kind, BLOCK_KIND_CNT),
	ROW(81, FIELD_STRING, summary_stack, tag),
	ROW(100, FIELD_U64, summary_stack, since_bytes),
	ROW(101, FIELD_U64, summary_stack, since_blocks),
	{0},
};

const struct field block_fields[] = {
	ROW(10, FIELD_U64, summary_block, number),
	ROW(11, FIELD_U64, summary_block, addr),
	ROW(12, FIELD_U64, summary_block, size),
	ROW(13, FIELD_I32, summary_block, tid),
	ROW(14, FIELD_DOUBLE, summary_block, age_s),
	ROW(15, FIELD_U64, summary_block, stack),
	ROW_OF(16, FIELD_ENUM, summary_block, kind, BLOCK_KIND_CNT),
	ROW(17, FIELD_STRING, summary_block, tag),
	ROW(18, FIELD_STRING, summary_block, contents),
	FRAME_ROWS(20, summary_block, caller.),
	{0},
};

const struct field finding_fields[] = {
	ROW_OF(10, FIELD_ENUM, summary_finding, kind, FINDING_KIND_CNT),
	ROW(11, FIELD_U64, summary_finding, count),
	ROW(12, FIELD_U64, summary_finding, address),
	ROW(13, FIELD_U64, summary_finding, size),
	ROW(14, FIELD_U64, summary_finding, offset),
	{0},
};

const struct field section_fields[] = {
	ROW(10, FIELD_STRING, summary_section, function),
	ROW(11, FIELD_BOOL, summary_section, complete),
	ROW(12, FIELD_U64, summary_section, totals.calls),
	ROW(13, FIELD_U64, summary_section, totals.left),
	ROW(14, FIELD_U64, summary_section, totals.under_way),
	ROW(15, FIELD_U64, summary_section, totals.thread_cnt),
	ROW_OF(16, FIELD_COUNTS, summary_section, totals.sums, SECTION_QUANTITY_CNT),
	ROW_OF(17, FIELD_COUNTS, summary_section, totals.most, SECTION_QUANTITY_CNT),
	ROW(18, FIELD_U64, summary_section, stacks_total),
	{0},
};

const struct field frame_fields[] = {
	FRAME_ROWS(10, summary_frame, ),
	{0},
};

/* ---- encoding ---- */

static uint64_t string_number(struct intern *strings, const char *text)
{
	return text ? intern__add(strings, text, strlen(text)) + 1 : 0;
}

/* What comes after the last count that is not 0 is left out. */
static void encode_counts(const struct field *field, const void *member, struct protobuf *message)
{
	const uint64_t *counts = member;
	struct protobuf packed = {0};
	size_t cnt = field->cnt;

	while (cnt && !counts[cnt - 1])
		cnt--;
	for (size_t i = 0; i < cnt; i++)
		protobuf__append_number(&packed, counts[i]);
	if (cnt)
		protobuf__put_message(message, field->number, &packed);
	protobuf__destroy(&packed);
}

static uint64_t number_of(const struct field *field, const void *member, struct intern *strings)
{
	switch (field->type) {
	case FIELD_U64:
		return *(const uint64_t *)member;
	case FIELD_I64:
		return protobuf__zigzag(*(const int64_t *)member);
	case FIELD_U32:
		return *(const uint32_t *)member;
	case FIELD_I32:
		return protobuf__zigzag(*(const int32_t *)member);
	case FIELD_ENUM:
		return *(const unsigned int *)member;
	case FIELD_BOOL:
		return *(const bool *)member;
	default:
		return string_number(strings, *(char *const *)member);
	}
}

void fields__encode(const struct field *fields, const void *object, struct intern *strings,
	struct protobuf *message)
{
	for (const struct field *field = fields; field->number; field++) {
		const void *member = (const char *)object + field->offset;

		if (field->type == FIELD_COUNTS)
			encode_counts(field, member, message);
		else if (field->type == FIELD_CHARS)
			protobuf__put_bytes(message, field->number, member, field->cnt);
		else if (field->type == FIELD_DOUBLE)
			protobuf__put_double(message, field->number, *(const double *)member);
		else
			protobuf__put_number(
				message, field->number, number_of(field, member, strings));
	}
}

/* ---- decoding ---- */

static int decode_string(uint64_t number, char **member, const struct field_strings *strings)
{
	if (number > strings->cnt)
		return -EBADMSG;
	*member = number ? strings->strings[number - 1] : NULL;
	return 1;
}

static int decode_chars(const struct field *field, char *member, struct protobuf_reader inside)
{
	size_t sz = inside.end - inside.at;

	memset(member, 0, field->cnt);
	memcpy(member, inside.at, sz < field->cnt ? sz : field->cnt);
	return 1;
}

/* More than are known are of a newer heaptap. */
static int decode_counts(const struct field *field, uint64_t *member, struct protobuf_reader inside)
{
	uint64_t value;
	size_t i = 0;
	int ret;

	while ((ret = protobuf__next_number(&inside, &value)) == 1 && i < field->cnt)
		member[i++] = value;
	return ret < 0 ? ret : 1;
}

/* A signed number, below cnt if there is one. */
static int decode_signed(const struct field *field, void *member, uint64_t value)
{
	int64_t number = protobuf__unzigzag(value);

	if (field->cnt && (number < 0 || number >= (int64_t)field->cnt))
		return -EBADMSG;
	if (field->type == FIELD_I32 && number != (int32_t)number)
		return -EBADMSG;
	if (field->type == FIELD_I32)
		*(int32_t *)member = number;
	else
		*(int64_t *)member = number;
	return 1;
}

static int decode_unsigned(const struct field *field, void *member, uint64_t value)
{
	if (field->type != FIELD_U64 && value > UINT32_MAX)
		return -EBADMSG;
	if (field->type == FIELD_ENUM && value >= field->cnt)
		return -EBADMSG;
	if (field->type == FIELD_U64)
		*(uint64_t *)member = value;
	else if (field->type == FIELD_BOOL)
		*(bool *)member = value;
	else
		*(uint32_t *)member = value;
	return 1;
}

static int decode_member(const struct field *field, void *member,
	const struct field_strings *strings, const struct protobuf_field *from)
{
	switch (field->type) {
	case FIELD_STRING:
		return decode_string(from->value, member, strings);
	case FIELD_CHARS:
		return decode_chars(field, member, from->inside);
	case FIELD_COUNTS:
		return decode_counts(field, member, from->inside);
	case FIELD_DOUBLE:
		*(double *)member = protobuf__double(from->value);
		return isfinite(*(double *)member) ? 1 : -EBADMSG;
	case FIELD_I64:
	case FIELD_I32:
		return decode_signed(field, member, from->value);
	default:
		return decode_unsigned(field, member, from->value);
	}
}

int fields__decode(const struct field *fields, void *object, const struct field_strings *strings,
	struct protobuf_field *from)
{
	const struct field *field = fields;
	bool wants_bytes;

	while (field->number && field->number != from->number)
		field++;
	if (!field->number)
		return 0;
	wants_bytes = field->type == FIELD_CHARS || field->type == FIELD_COUNTS;
	if (from->is_bytes != wants_bytes)
		return -EBADMSG;
	return decode_member(field, (char *)object + field->offset, strings, from);
}
