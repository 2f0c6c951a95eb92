/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Python embedded: its objects lie in pymalloc's pools. How many blocks are taken CPython says:
 *
 *   PYTHON blocks=N    sys.getallocatedblocks(): of PyObject_Malloc and PyMem_Malloc, not the raw
 * ones
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include "expect.h"

Py_ssize_t _Py_GetAllocatedBlocks(void); /* sys.getallocatedblocks() is made of it */

int main(void)
{
	Py_ssize_t blocks;

	Py_Initialize();
	PyRun_SimpleString(
		"class C:\n"
		"    def __init__(self, n): self.n = [str(i) for i in range(n)]\n"
		"kept = {i: C(i) for i in range(100)}\n"
		"for i in range(50): C(200)\n"
		"import json, re\n"
		"json.loads(json.dumps([1, {'a': 'b'}] * 100)); re.compile('a(b|c)*d')\n");
	blocks = _Py_GetAllocatedBlocks();
	printf("PYTHON blocks=%zd\n", blocks);
	fflush(stdout);
	_exit(0);
}
