"""Values that Hypothesis draws from: few of each kind, so that they meet."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import strategies as st

from tests.model.nouns import Line, Text

NUMBERS = ("+48514151563", "+4581808888", "+12025550123")
SENDERS = ("boxis.net", "INFO", "48601234567", "+48601234567", "Żabka <24h>", "R&D", *NUMBERS[:1])
ZONES = ("", "UTC", "Europe/Warsaw", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
SOON = [timedelta(seconds=n) for n in (0, 1, 59, 3600)]
AGO = [*SOON, *(timedelta(days=n, milliseconds=n * 250) for n in (1, 3, 8, 29, 32, 65, 400))]
CLOCK_CHANGES = [
    datetime.fromisoformat(f"{change}+00:00") + timedelta(minutes=minutes)
    for change in ("2012-03-25 01:00", "2011-10-30 01:00", "2012-03-11 07:00", "2011-11-06 06:00")
    for minutes in (-90, -60, -30, -1, 0, 29, 59)
]
WALL_CLOCK = ("2012-03-25 02:30", "2011-10-30 02:30:00", "2012-03-11 02:15", "2011-11-06 01:30")
BAD_DATES = (
    "yesterday",
    "2012-02-30 10:00",
    "2012-05-09",
    "2012-05-09 10:28:00 ",
    "2012-5-9 10:28",
)

PICK = st.integers(0, 9)
RETURNTYPES = st.sampled_from(("xml", "json", ""))
TEXTS = st.sampled_from(
    (
        None,
        Text("Your code is 4711"),
        Text("Zażółć 100% _ gęślą"),
        Text("call ", NUMBERS[0], "+48 514-151-563"),
        Text("dzwoń: ", NUMBERS[0], "0048514151563"),
        Text("Ring ", NUMBERS[1], "+4581808888"),
    )
)
MOMENTS = st.one_of(st.sampled_from(AGO), st.sampled_from(CLOCK_CHANGES))
STATUSES = st.sampled_from(("sent", "delivered", "failed", "refused", "unknown", "pending"))
MONEY = st.sampled_from((None, 0.75, 3.0, 0.000001))
WIRE_IDS = st.one_of(
    st.just(""),
    st.builds("{}{}".format, st.sampled_from(("id-", "77", "9" * 21)), st.integers(100, 140)),
)


def line_of(since: timedelta | datetime, now: datetime, **facts: object) -> Line:
    """A line that was drawn, as seen now."""
    sent = since if isinstance(since, datetime) else now - since
    return Line(sent=sent, **facts)  # type: ignore[arg-type]


LINE = st.fixed_dictionaries(
    {
        "since": MOMENTS,
        "recipient": st.sampled_from((*NUMBERS, "50500")),
        "sender": st.sampled_from(SENDERS),
        "text": TEXTS,
        "parts": st.integers(1, 3),
        "credit": st.sampled_from(("1", "0", "2.5")),
        "kind": st.sampled_from(("sent", "scheduled")),
        "status": STATUSES,
    }
)
PRICED = st.fixed_dictionaries(
    {"wire_id": WIRE_IDS, "price": MONEY, "whole_sale": MONEY, "cost": MONEY, "late": PICK}
)

QUERY = st.lists(
    st.one_of(
        st.tuples(st.just("customer"), PICK),
        st.tuples(st.just("sort"), st.sampled_from(("CREATED", "SENT", "INVOICED"))),
        st.tuples(
            st.just("to"),
            st.sampled_from((*NUMBERS, "48514151563", " 4581808888", "50500", "0")),
        ),
        st.tuples(
            st.just("from"),
            st.sampled_from((*SENDERS, "BOXIS.NET", "info", "żabka <24H>", "0")),
        ),
        st.tuples(
            st.just("message"), st.sampled_from(("code", "ŻÓŁĆ", "%", "_", "514", "×", "zzz"))
        ),
        st.tuples(st.just("fromDate"), st.sampled_from(("2011-10", "2012-04", "2012-05"))),
        st.tuples(st.just("toDate"), st.sampled_from(("2011-11", "2012-03", "2012-05"))),
    ),
    max_size=3,
)
