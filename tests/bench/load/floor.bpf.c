// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The floor: heaptap's own programs, each of which returns at once. A heaptap that carries them
 * puts the same links on the same sites of the same processes, so what a program then still loses
 * is what the kernel itself charges.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "own_stack.bpf.h"

#undef KEEP_OWN_STACK
#define KEEP_OWN_STACK(ctx, programs) return 0

#include "heaptap.bpf.c"
