/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The spy's programs in the place of those of the books. */
#ifndef HEAPTAP_PROBE_SPY_PROGRAMS_H
#define HEAPTAP_PROBE_SPY_PROGRAMS_H

#include "probe/link.h"
#include "probe/tracer.h"

struct heaptap_bpf;

/* Before loading: which programs are loaded, and the spy's knobs. spy NULL: none of the spy's.
 * After the programs of the books were chosen. */
void choose_spy_programs(
	struct heaptap_bpf *skel, enum link_kind kind, const struct spy_config *spy);
struct link_programs spy_programs__links(struct heaptap_bpf *skel, enum link_kind kind);

#endif
