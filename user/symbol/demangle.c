/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libiberty's demanglers with their recursion limit left on. A mangled name can still be made that
 * expands exponentially (substitutions of substitutions), so this runs where time and memory are
 * limited (worker.c). DMGL_AUTO tries Rust (v0 and legacy), then C++; D has to be asked for.
 */
#include "symbol/demangle.h"

#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>

#define MANGLED_NAME_MAX 65536 /* longer ones are not tried */
#define OPTIONS (DMGL_PARAMS | DMGL_ANSI)

static char *demangle_any(const char *name)
{
	if (strnlen(name, MANGLED_NAME_MAX) == MANGLED_NAME_MAX)
		return NULL;
	if (strncmp(name, "_D", 2) == 0)
		return cplus_demangle(name, OPTIONS | DMGL_DLANG);
	if (strncmp(name, "_Z", 2) == 0 || strncmp(name, "_R", 2) == 0 ||
		strncmp(name, "_GLOBAL_", 8) == 0)
		return cplus_demangle(name, OPTIONS | DMGL_AUTO);
	return NULL;
}

static void shorten(char *name)
{
	if (strnlen(name, FUNCTION_NAME_MAX + 1) > FUNCTION_NAME_MAX)
		strcpy(name + FUNCTION_NAME_MAX - 3, "...");
}

/* Linkers write "name@VERSION" and "name@@VERSION" into .symtab. */
static char *without_version(const char *name)
{
	const char *at = strchr(name, '@');

	return at && at != name ? strndup(name, at - name) : strdup(name);
}

char *demangle(const char *name)
{
	char *plain = without_version(name);
	char *demangled = plain ? demangle_any(plain) : NULL;

	if (demangled) {
		free(plain);
		plain = demangled;
	}
	if (plain)
		shorten(plain);
	return plain;
}
