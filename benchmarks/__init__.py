"""Benchmarks: the gateway beside other programs. `make bench` runs them all.

Every figure with a target is a ratio of two participants that took turns in one run, so it holds on
any machine. Read cases.py first: the table of cases and targets. Then

    bench.py            what the measures share: throughput.py (short requests), streaming.py (long
                        answers), imports.py, rest_lists.py, engines.py (SQLite and PostgreSQL),
                        writes.py (over the stores of writable.py)
    candidates.py       the participants and how each is started; peers/ has a file for each
    load.py             the load generators: wrk, and clients/
    signed_requests.py  workloads of 10, 100 or a million rows
    answers.py          checks of the rows, before anything is measured
    usage.py            time and memory of processes, each measured in two ways
    stores.py           generated stores (samples.py has the texts); postgresql.py copies them
    report.py           ratios, tables, docs/benchmarks.md; chart.py draws, machine.py describes

Besides: guard.py (`make guard`), profile.py (`make profile`), servers.py (`make servers`), and
simulation.py, whose tables are in docs/scaling.md.
"""
