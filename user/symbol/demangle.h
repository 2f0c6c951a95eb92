/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names as the source has them. */
#ifndef HEAPTAP_SYMBOL_DEMANGLE_H
#define HEAPTAP_SYMBOL_DEMANGLE_H

#define FUNCTION_NAME_MAX 8191 /* bytes of a name given out; longer ones end in "..." */

/* C++, Rust or D by its mangled form; other names as they are, without a symbol version
 * (name@VERSION). A new string (free()); NULL without memory. */
char *demangle(const char *name);

#endif
