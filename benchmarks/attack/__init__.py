"""Attacks on the command line: damaged folders, odd words, kills, full disks, strangers, hostile inputs.

    python -m benchmarks.attack damaged|words|kills|full|stranger|inputs|fuzz|all [--num N] [--seed S] [--json OUT]

Every attempt is a pure function of (part, seed, number), so a failure is repeated with `--only NUMBER`. An attempt runs
the real entry of the command line in a process of its own, inside a small world whose every file is known; afterwards
it is judged: an exit code that the program promises, words, no traceback, bounded time and memory, and nothing touched
but what the verb was told to write. docs/attacks.md has the counts.
"""
