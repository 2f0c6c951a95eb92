// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* See spy_programs.h. Either the one or the other are loaded: what is not used costs no
 * verification. */
#include <linux/types.h>
#include <heaptap/event.h>
#include <bpf/libbpf.h>
#include "heaptap.skel.h"
#include "probe/spy_programs.h"

static void set_spy_knobs(struct heaptap_bpf *skel, const struct spy_config *spy)
{
	skel->rodata->cfg_spy_enters = spy->enters;
	skel->rodata->cfg_spy_stacks = spy->stacks;
	skel->rodata->cfg_spy_tid = spy->tid;
	skel->rodata->cfg_spy_sizes = spy->sizes;
	skel->rodata->cfg_spy_size_min = spy->size_min;
	skel->rodata->cfg_spy_size_max = spy->size_max;
	skel->rodata->cfg_spy_slower_ns = spy->slower_ns;
}

static void leave_out_books(struct heaptap_bpf *skel)
{
	bpf_program__set_autoload(skel->progs.on_call_session, false);
	bpf_program__set_autoload(skel->progs.on_call_enter, false);
	bpf_program__set_autoload(skel->progs.on_call_return, false);
	bpf_program__set_autoload(skel->progs.on_return_site, false);
	bpf_program__set_autoload(skel->progs.on_free, false);
	bpf_program__set_autoload(skel->progs.on_query, false);
}

void choose_spy_programs(
	struct heaptap_bpf *skel, enum link_kind kind, const struct spy_config *spy)
{
	bool session = kind == LINK_SESSION;
	int multi = kind == LINK_PERF ? 0 : ATTACH_TYPE_UPROBE_MULTI;

	bpf_program__set_autoload(skel->progs.on_spy_session, spy && session);
	bpf_program__set_autoload(skel->progs.on_spy_return, spy && !session);
	bpf_program__set_autoload(skel->progs.on_spy_enter, spy && !session);
	bpf_program__set_autoload(skel->progs.on_spy_return_site, spy);
	bpf_program__set_autoload(skel->progs.on_spy_exit, spy);
	bpf_program__set_expected_attach_type(
		skel->progs.on_spy_session, ATTACH_TYPE_UPROBE_SESSION);
	bpf_program__set_expected_attach_type(skel->progs.on_spy_enter, multi);
	bpf_program__set_expected_attach_type(skel->progs.on_spy_return, multi);
	bpf_program__set_expected_attach_type(skel->progs.on_spy_return_site, multi);
	if (!spy)
		return;
	leave_out_books(skel);
	set_spy_knobs(skel, spy);
}

struct link_programs spy_programs__links(struct heaptap_bpf *skel, enum link_kind kind)
{
	return (struct link_programs){
		.call_return = skel->progs.on_spy_return,
		.enter = kind == LINK_SESSION ? skel->progs.on_spy_session
					      : skel->progs.on_spy_enter,
		.return_site = skel->progs.on_spy_return_site,
		/* Frees and queries are calls here; these are only tried with. */
		.free = skel->progs.on_spy_return_site,
		.query = skel->progs.on_spy_return_site,
	};
}
