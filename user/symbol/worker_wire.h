/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What heaptap and its worker say to each other, a packet each:
 *
 *   wire_hello                  once, by the keeper
 *   wire_question, path (no NUL), and the file's fd as SCM_RIGHTS
 *   wire_answer, then symbol_cnt times: wire_symbol, function, file (with NULs)
 *
 * Both are the same program, so this is no format that has to last.
 */
#ifndef HEAPTAP_SYMBOL_WORKER_WIRE_H
#define HEAPTAP_SYMBOL_WORKER_WIRE_H

#include <stdint.h>
#include <sys/socket.h>
#include "symbol/debug_file.h"

#define WIRE_PATH_SZ_MAX 4096
#define WIRE_ANSWER_SZ_MAX (128 * 1024)

struct wire_hello {
	int32_t keeper; /* its pid */
};

struct wire_question {
	uint64_t seq;
	uint64_t address;
	uint32_t file;
	uint16_t is_return;
	uint16_t with_dwarf;
};

struct wire_answer {
	uint64_t seq;
	int32_t error; /* 0 or -errno: no symbols then */
	uint32_t symbol_cnt;
};

struct wire_symbol {
	uint64_t offset;
	uint32_t line, column;
	uint32_t function_sz, file_sz; /* bytes with the NUL; 0: NULL */
	uint64_t inlined;
};

/* No padding: bytes that nobody set would go over the socket. */
_Static_assert(sizeof(struct wire_question) == 24, "wire_question layout");
_Static_assert(sizeof(struct wire_answer) == 16, "wire_answer layout");
_Static_assert(sizeof(struct wire_symbol) == 32, "wire_symbol layout");

union wire_fd { /* control data with one fd, aligned as its header */
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

/* The keeper's and worker's side of the socket. Never returns. */
__attribute__((noreturn)) void worker_process__keep(int fd);

/* How long a worker may take over a question. */
unsigned int worker_process__seconds_max(void);

#endif
