/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What people call a function and its arguments, and what it returns. */
#ifndef HEAPTAP_SPY_SIGNATURE_H
#define HEAPTAP_SPY_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/types.h>
#include <heaptap/event.h>

enum result_kind {
	RESULT_NONE,
	RESULT_POINTER,
	RESULT_STATUS, /* an int */
	RESULT_SIZE,
};

struct signature {
	const char *symbol;		      /* "_Znwm" */
	char name[32];			      /* without its arguments: "operator new" */
	const char *arguments[SPY_ARGUMENTS]; /* names */
	int argument_cnt;
	enum result_kind result;
	uint8_t role; /* enum alloc_role */
};

/* Of a row of the table of allocator functions (probe/functions.h). Strings are static. */
struct signature signature__of(uint16_t function);

/* An argument of this name is an address. */
bool argument__is_address(const char *name);

/* Did a call that returned do what it was asked for? size: as asked for. */
bool signature__has_failed(const struct signature *signature, const struct spy_event *record);

#endif
