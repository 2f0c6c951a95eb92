/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a block holds (struct summary_block), for people. */
#ifndef HEAPTAP_REPORT_CONTENTS_TEXT_H
#define HEAPTAP_REPORT_CONTENTS_TEXT_H

/* The bytes that hexadecimal digits stand for: those that ASCII can print, each other one as ".".
 * Ends at what is no pair of digits. A new string (free()), NULL without memory. */
char *contents__text(const char *hex);

#endif
