"""The tree of anticipated failures; no HTTP, no XML.

    GatewayError                 its text is fit for the client that asked
    ├── InvalidRequest           the form, or one of its fields, cannot be used
    ├── AuthenticationFailed     user name and authcode do not go together
    ├── ClockMismatch            the timestamp is outside the window
    │   └── Replayed             the request came before
    ├── LimitReached             too much was asked, or too often in vain
    └── Unavailable              the store cannot be used at the moment
    OperatorError                its text is one line for the operator, with the remedy
    ├── ConfigurationError       a setting cannot be used
    ├── StoreError               the store is missing, not migrated, newer, not readable
    └── ImportFailed             a source of messages cannot be read at all

Each door translates: `GatewayError` becomes a failure envelope at the form door, `OperatorError`
one line on stderr and exit code 1 on the command line. What is neither is a bug.
"""


class GatewayError(Exception):
    """Anticipated. `str()` is the error description on the wire, `outcome` the word for it in logs
    and metrics, `reason` a word for the operator alone, or ""."""

    outcome = "invalid"
    reason = ""


class InvalidRequest(GatewayError):
    """The request cannot be used; the text says which part of it."""

    @classmethod
    def field(cls, name: str) -> "InvalidRequest":
        """In the provider's wording (protocol page, section 7)."""
        return cls(f"'{name}' is not valid")


class AuthenticationFailed(GatewayError):
    """One text for an unknown user, a disabled account and a wrong authcode; `reason` tells them
    apart."""

    outcome = "refused"

    def __init__(self, reason: str) -> None:
        super().__init__("'authcode' is not valid")
        self.reason = reason


class ClockMismatch(GatewayError):
    """The client's clock is off: the answer carries `timestamperror` (protocol page, section 3)."""

    outcome, reason = "clock", "window"

    def __init__(self) -> None:
        super().__init__("'timestamp' is not valid")


class Replayed(ClockMismatch):
    """The request came before; with another timestamp it is a new one, which clients make of the
    answer as they do when their clock is off."""

    reason = "replay"


class LimitReached(GatewayError):
    """Too much was asked, or too often in vain; `seconds` is how long to wait, `reason` which limit
    it is."""

    outcome = "limited"

    def __init__(self, reason: str, seconds: int) -> None:
        super().__init__(f"too many requests, try again in {seconds} seconds")
        self.reason, self.seconds = reason, seconds


class Unavailable(GatewayError):
    """The store cannot be used at the moment. What is wrong with it is for the operator alone:
    `reason` in a word, `problem` in a line for the log."""

    outcome = "unavailable"

    def __init__(self, reason: str = "", problem: str = "") -> None:
        super().__init__("service is not available, try again later")
        self.reason, self.problem = reason, problem


class OperatorError(Exception):
    """Anticipated, and the operator's to mend. `str()` is one line that says how."""


class ConfigurationError(OperatorError):
    """A setting that cannot be used."""


class StoreError(OperatorError):
    """The store is missing, not migrated, too new, or cannot be opened."""


class ImportFailed(OperatorError):
    """A file that cannot be imported as a whole (single bad lines are reported, not raised)."""
