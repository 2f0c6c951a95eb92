# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Reads what tests/unit/run reads from cmocka: TAP, a plan and results for each group of tests, between
# "# BEGIN NAME" and "# EXIT NAME STATUS". Prints "ok NAME/TEST", "FAIL NAME/TEST" and what was said of
# it, and the sum. cmocka writes a skipped test as "not ok N # SKIP TEST".

function tell(outcome, test)
{
	count[outcome]++
	seen++
	print outcome " " name "/" test
}

function fail(test, why)
{
	failed_here++
	tell("FAIL", test why)
}

/^# BEGIN / {
	name = $3
	planned = seen = failed_here = 0
	next
}

/^1\.\.[0-9]+$/ {
	planned += substr($0, 4)
	next
}

/^ok [0-9]+ - / {
	tell("ok", $4)
	next
}

/^not ok [0-9]+ # SKIP / {
	if (ci == "true")
		fail($6, ": skipped")
	else
		tell("skip", $6)
	next
}

/^not ok [0-9]+ - / {
	fail($5, "")
	next
}

/^# EXIT / {
	while (planned > seen)
		fail("?", ": not run: " name " ended with status " $4)
	if (!planned || ($4 != 0 && !failed_here))
		fail("?", ": ended with status " $4 " after " seen " tests")
	next
}

/^# (not )?ok - / {
	next
}

{
	print "    " $0
}

END {
	skipped = count["skip"] ? ", " count["skip"] " skipped" : ""
	printf "%d passed, %d failed%s\n", count["ok"], count["FAIL"], skipped
	exit count["FAIL"] > 0
}
