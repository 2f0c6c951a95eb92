/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The files of user/report/html/, carried in the tool; each ends with a NUL. */
#ifndef HEAPTAP_REPORT_HTML_ASSETS_H
#define HEAPTAP_REPORT_HTML_ASSETS_H

extern const char html_page[]; /* with %STYLE% and %SCRIPT% where those belong */
extern const char html_style[];
extern const char html_viewer[];

#endif
