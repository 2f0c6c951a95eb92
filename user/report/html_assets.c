/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The assembler reads the files: no tool that turns them into C is needed. */
#include "report/html_assets.h"

#define ASSET(name, path)                                                                          \
	__asm__(".pushsection .rodata\n"                                                           \
		".global " #name "\n" #name ":\n"                                                  \
		".incbin \"user/report/html/" path "\"\n"                                          \
		".byte 0\n"                                                                        \
		".popsection\n")

ASSET(html_page, "page.html");
ASSET(html_style, "style.css");
ASSET(html_viewer, "viewer.js");
