/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a mapped range is of: one row each in range_kinds.def. */
#ifndef HEAPTAP_RANGE_KIND_H
#define HEAPTAP_RANGE_KIND_H

enum range_kind {
#define RANGE_KIND(name, key, text) RANGE_##name,
#include "range_kinds.def"
#undef RANGE_KIND
	RANGE_KIND_CNT,
};

#endif
