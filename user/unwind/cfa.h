/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state machine of call frame instructions (DWARF 5, 6.4), for what a rule can hold: where the
 * CFA is, where the caller's bp and the return address are. Other registers are read over.
 */
#ifndef HEAPTAP_UNWIND_CFA_H
#define HEAPTAP_UNWIND_CFA_H

#include <stdbool.h>
#include <stdint.h>
#include "unwind/bytes.h"

enum place_kind {
	PLACE_UNCHANGED,  /* also what nothing is said about */
	PLACE_UNDEFINED,  /* there is no caller's value */
	PLACE_OFFSET,	  /* the CFA: register + offset; a register: saved at CFA + offset */
	PLACE_EXPRESSION, /* the CFA: its value; a register: saved at its value */
	PLACE_OTHER,	  /* anything else: no rule has room for it */
};

struct place {
	uint8_t kind;
	uint8_t reg; /* DWARF number */
	uint32_t expression_sz;
	int64_t offset;		   /* the CFA's stays while an expression holds */
	const uint8_t *expression; /* in the section's bytes */
};

struct cfa_state {
	struct place cfa, bp, return_address;
};

/* What a CIE says about the programs of its FDEs. */
struct cfa_factors {
	uint64_t code;
	int64_t data;
};

#define CFA_STATES_MAX 32 /* remembered at once; compilers nest them once */

/* A program being run. */
struct cfa_program {
	struct bytes instructions;
	struct cfa_factors factors;
	const struct cfa_state *initial; /* for DW_CFA_restore; NULL in a CIE's own program */
	struct cfa_state state;
	struct cfa_state remembered[CFA_STATES_MAX];
	uint32_t remembered_cnt;
};

enum cfa_step {
	CFA_ADVANCE, /* the state holds for *ret_sz bytes of code; run on */
	CFA_END,     /* it holds to the end */
	CFA_BAD,     /* what holds from here on isn't known */
};

void cfa_program__init(struct cfa_program *program, struct bytes instructions,
	struct cfa_factors factors, const struct cfa_state *initial);

/* Runs to where a row of the table is complete. */
enum cfa_step cfa_program__run(struct cfa_program *program, uint64_t *ret_sz);

/* The state as a rule (heaptap/unwind.h). False: no rule can express it. */
bool cfa_state__rule(const struct cfa_state *state, bool is_signal_frame, uint32_t *ret_rule);

#endif
