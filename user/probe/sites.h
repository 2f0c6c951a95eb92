/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where in a function to put a probe that stands for the function's entry.
 *
 * The kernel emulates a few instructions at a probe and steps all others out of line, which costs 4
 * to 10 times as much per hit. So the first instruction that is emulated is taken, as long as a
 * probe there sees what one at the entry would see:
 *
 *  - it is reached exactly once per call: all instructions before it fall through to it, and it and
 *    they have no other entrance than the function's (struct prologue);
 *  - the stack pointer and the return address are untouched, so that the return can be probed and
 *    the stack unwound from there;
 *  - the registers with the arguments that will be read are untouched;
 *  - memory is untouched.
 *
 * "First" also decides where two are equally cheap: in `test %rdi,%rdi; je; push %rbp` of a free()
 * the je is taken, which sees free(NULL) as well, instead of the push that it may jump over. Thus
 * no site behind a branch ever needs a proof.
 *
 * The instructions that may come before a site are a list of harmless ones, rather than all but the
 * harmful: an instruction that is missing there costs speed, not truth.
 */
#ifndef HEAPTAP_PROBE_SITES_H
#define HEAPTAP_PROBE_SITES_H

#include "probe/decoder.h"
#include "probe/scan.h"

struct site {
	uint32_t delta; /* bytes from the entry */
	enum site_cost cost;
};

/* args: bit n - 1 is set if argument n will be read (integer arguments of the System V ABI).
 * entrances: as in struct prologue. */
struct site site__choose(struct decoder *decoder, const uint8_t *code, size_t code_sz, uint8_t args,
	uint64_t entrances);

/* Whether every kernel that heaptap runs on emulates this instruction of x86-64. */
bool site__is_emulated(const uint8_t *instruction, size_t sz);

#endif
