/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A database in memory, and blocks of SQLite's for the program itself. How many there are SQLite
 * says:
 *
 *   SQLITE blocks=N used=N    SQLITE_STATUS_MALLOC_COUNT, and SQLITE_STATUS_MEMORY_USED: sizes,
 * each rounded up to 8 bytes (malloc.c, mem1.c)
 */
#include <sqlite3.h>
#include <stdio.h>
#include "expect.h"

static NOINLINE void blocks_of_its_own(void)
{
	void *block = sqlite3_malloc(100);

	block = sqlite3_realloc(block, 5000);
	require(sqlite3_malloc64(72) != NULL && block != NULL, "sqlite3_malloc");
	sqlite3_free(sqlite3_malloc(400));
	sqlite3_free(sqlite3_mprintf("%d", 5));
	require(sqlite3_mprintf("kept: %d", 7) != NULL, "sqlite3_mprintf");
	block = sqlite3_malloc(33);
	require(!sqlite3_realloc(block, 0), "sqlite3_realloc to nothing");
}

static NOINLINE void do_sql(sqlite3 *db, const char *sql)
{
	char *error = NULL;

	require(sqlite3_exec(db, sql, NULL, NULL, &error) == SQLITE_OK, error ? error : sql);
}

int main(void)
{
	sqlite3_int64 blocks, used, most;
	sqlite3 *db, *closed;
	char *error = NULL;

	sqlite3_initialize();
	require(!sqlite3_open(":memory:", &db) && !sqlite3_open(":memory:", &closed), "open");
	do_sql(db, "create table t(a integer primary key, b text); create index i on t(b)");
	do_sql(db,
		"with recursive n(x) as (values(1) union all select x + 1 from n where x < 3000) "
		"insert into t select x, printf('row %d of many', x) from n");
	do_sql(db, "delete from t where a % 3 = 0");
	do_sql(closed, "create table t(a); insert into t values(randomblob(100000))");
	sqlite3_exec(db, "no sql", NULL, NULL, &error);
	sqlite3_free(error);
	sqlite3_close(closed);
	blocks_of_its_own();
	sqlite3_status64(SQLITE_STATUS_MALLOC_COUNT, &blocks, &most, 0);
	sqlite3_status64(SQLITE_STATUS_MEMORY_USED, &used, &most, 0);
	printf("SQLITE blocks=%lld used=%lld\n", blocks, used);
	fflush(stdout);
	_exit(0);
}
