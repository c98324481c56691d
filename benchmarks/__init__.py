"""How fast, beside what else there is. `make bench` runs it all, and makes what it needs before.

Every number that counts is a ratio of two candidates that took turns in one run; so it holds on any
machine. Start with cases.py: it is the table of what is measured and of the targets. Then

    measures.py     how a kind of case is measured; streaming.py for long answers, imports.py for
                    files, million.py for a long log, engines.py for PostgreSQL; bench.py has what
                    they share
    candidates.py   who takes part (peers/ has a file each), and how each is started
    load.py         the clients that make the load (clients/ has a file each), and wrk
    asks.py         what is asked: signed requests whose answers have 10, 100 or a million rows
    check.py        whether the rows are right, before anything is measured
    data.py         the stores, always of the same rows (samples.py has the words); postgresql.py
                    has copies of them
    report.py       ratios, tables, docs/benchmarks.md; chart.py draws, machine.py describes
"""
