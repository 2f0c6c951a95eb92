/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The recording: a file of summaries with their names, which "heaptap report" renders later,
 * without root, on another machine.
 *
 *   file      head, snapshot, snapshot, …              only ever appended to
 *   head      magic (8 bytes), version (4)
 *   snapshot  mark (4), size of what is packed (4), of what comes out (4), CRC-32 of these two
 *             numbers and of what is packed (4); then a zlib stream (RFC 1950)
 *   in it     a message in the wire format of Protocol Buffers, below
 *
 * Numbers of the frame are little-endian. Each snapshot stands for itself and is written by one
 * write(2): a heaptap that is killed leaves a file that is readable up to its last snapshot, and
 * the oldest can be dropped without looking into any. There is no fsync(2) after a snapshot, only
 * at the end and before a file takes another's place: a crash of the machine costs what the kernel
 * had not written yet, which the CRC tells.
 *
 * The message. Whatever comes often is in a table, and known by its number there, from 1; 0 is
 * none.
 *
 *   strings   each once
 *   frames    each once: fields of struct summary_frame
 *   nodes     pairs {number of the caller's node, frame}: a stack is the node of its innermost
 * frame, and stacks that begin with the same callers share these. A caller comes first. processes
 * their fields, and stacks of {node, fields of struct summary_stack} fields of struct summary
 * itself
 *
 * How to add a field. A member of one of these structs is recorded by a row in fields.c: a number
 * that was never used in that table, its type, its place. No more is needed: encoding and decoding
 * both go by the tables. A reader passes over numbers that it does not know; what an older file
 * does not have is 0 (or NULL) after reading, so a member must mean "unknown" or "none" by that. An
 * array of structs is a table of its own with a number in enum message_number or process_number,
 * handled in encode.c and decode.c as stacks are. A number is never used again. VERSION is for what
 * old readers must not try to read.
 */
#ifndef HEAPTAP_RECORD_FORMAT_H
#define HEAPTAP_RECORD_FORMAT_H

#include <stdint.h>

#define RECORD_MAGIC "\x89HTAP\r\n\x1a" /* as PNG's: shows a transfer that changed line ends */
#define RECORD_MAGIC_SIZE 8
#define RECORD_VERSION 1
#define RECORD_MARK 0x50414e53 /* "SNAP" */

struct record_head {
	uint8_t magic[RECORD_MAGIC_SIZE];
	uint32_t version;
};
_Static_assert(sizeof(struct record_head) == 12, "as documented");

struct record_frame {
	uint32_t mark;
	uint32_t packed_sz, plain_sz;
	uint32_t crc;
};
_Static_assert(sizeof(struct record_frame) == 16, "as documented");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the structs are written as they are");

/* Numbers in the message that are not of fields.c, whose rows begin at FIELD_FIRST. */
enum message_number {
	MESSAGE_STRING = 1,  /* bytes */
	MESSAGE_FRAME = 2,   /* message */
	MESSAGE_NODES = 3,   /* packed numbers */
	MESSAGE_PROCESS = 4, /* message */
};
enum process_number {
	PROCESS_STACK = 1,	  /* message */
	PROCESS_MAPPED_STACK = 2, /* message: of ranges that the program has mapped itself */
	PROCESS_ARENA_STACK = 3,  /* message: of arenas */
	PROCESS_FINDING = 4,	  /* message */
	PROCESS_BLOCK = 8,	  /* message: fields of struct summary_block */
	PROCESS_SECTION = 9,	  /* message */
};
enum stack_number { STACK_NODE = 1 };
/* In a finding: its stacks, as PROCESS_STACK, by 1 + enum finding_stack. */
enum finding_number { FINDING_STACK_FIRST = 1 };
enum section_number { SECTION_STACK = 1 }; /* message, as PROCESS_STACK */
#define FIELD_FIRST 10

/* More of one snapshot is refused: by a writer, so that a reader can be sure. */
#define RECORD_PLAIN_SIZE_MAX (256u << 20)
/* Bytes that a reader takes for the summary of one snapshot. */
#define RECORD_MEMORY_MAX (2ull << 30)

/* zlib's checksum of a snapshot. */
uint32_t record_frame__crc(const struct record_frame *frame, const uint8_t *packed);

#endif
