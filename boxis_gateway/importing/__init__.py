"""Import of a source into the store. Read run.py first.

Imports are idempotent. Each message has a deduplication fingerprint: its `sms_id` if it has one;
else, in sources with submissions, the id of its submission and the recipient; else time, sender,
recipient and text; plus the source's own reference and the number of equal messages before it in
the source (two equal lines are two messages). The same lines are therefore the same messages in
any file, in one run or after one that was killed. Each batch is one transaction.
"""

from boxis_gateway.importing.account_map import AccountMap
from boxis_gateway.importing.fingerprints import fingerprint
from boxis_gateway.importing.follow import Follower, follow_with_retry
from boxis_gateway.importing.run import run_import
from boxis_gateway.importing.summary import Summary

__all__ = ["AccountMap", "Follower", "Summary", "fingerprint", "follow_with_retry", "run_import"]
