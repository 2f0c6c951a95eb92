/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The patterns of the sanitizers' suppressions, which all rules about frames are written in: a
 * pattern is found anywhere in a name; "^" at its front binds it to the name's front, "$" to its
 * end, and "*" stands for anything. Source: TemplateMatch in LLVM's
 * compiler-rt/lib/sanitizer_common/sanitizer_common.cpp.
 */
#ifndef HEAPTAP_REPORT_PATTERN_H
#define HEAPTAP_REPORT_PATTERN_H

#include <stdbool.h>

/* text: NULL and "" are matched by nothing. */
bool pattern__matches(const char *pattern, const char *text);

#endif
