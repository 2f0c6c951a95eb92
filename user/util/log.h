/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What heaptap says about itself, on stderr: errors, warnings, and with -v what it does. */
#ifndef HEAPTAP_UTIL_LOG_H
#define HEAPTAP_UTIL_LOG_H

extern int log_verbosity; /* how many -v were given */

/* Each prints one line "heaptap: [warning: ]TEXT"; bytes of targets in it are made harmless. */
__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_warn(const char *format, ...);
/* Printed when at least `level` -v were given. */
__attribute__((format(printf, 2, 3))) void log_debug(int level, const char *format, ...);

#endif
