"""From a source into the store: read, tell repeats apart, add in batches, report.

Importing is idempotent. A message's fingerprint is made of what identifies it: its `sms_id` where
it has one; else its submission's id and its recipient, where the source knows submissions; else
time, sender, recipient and text; the source's own reference; and how many times the same stood in
the source before (two equal lines are two messages). So the same lines are the same messages
whatever file brings them, in one run or after one that was killed; each batch is one transaction.
Read run.py first.
"""

from boxis_gateway.importing.account_map import AccountMap
from boxis_gateway.importing.fingerprints import RepeatCounter, fingerprint
from boxis_gateway.importing.follow import Follower, follow_with_retry
from boxis_gateway.importing.run import run_import
from boxis_gateway.importing.summary import Summary

__all__ = [
    "AccountMap",
    "Follower",
    "RepeatCounter",
    "Summary",
    "fingerprint",
    "follow_with_retry",
    "run_import",
]
