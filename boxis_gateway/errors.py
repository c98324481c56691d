"""Tree of anticipated failures; no HTTP, no XML.

    GatewayError                 its text is fit for the client
    ├── InvalidRequest           the form, or one of its fields, is not valid
    ├── AuthenticationFailed     user name and authcode do not match
    ├── ClockMismatch            the timestamp is outside the window
    │   └── Replayed             the request was sent before
    ├── LimitReached             a rate limit, a lockout or the limit of streams
    └── Unavailable              the store cannot be used at the moment
    OperatorError                its text is one line for the operator, with the remedy
    ├── ConfigurationError       a setting is not valid
    ├── StoreError               the store is missing, not migrated, too new, not readable
    └── ImportFailed             a source of messages cannot be read at all

`GatewayError` becomes a failure envelope of the form API or a table error of the REST API,
`OperatorError` one line on stderr and exit code 1. Any other exception is a bug.
"""


class GatewayError(Exception):
    """Failure of a request. `str()` is the error description on the wire, `outcome` its name in
    logs and metrics, `reason` a detail for the operator alone, or ""."""

    outcome = "invalid"
    reason = ""


class InvalidRequest(GatewayError):
    """A request that is not valid; the text names the part."""

    @classmethod
    def field(cls, name: str) -> "InvalidRequest":
        """Error about a field, in the provider's words (protocol page, section 7)."""
        return cls(f"'{name}' is not valid")


class AuthenticationFailed(GatewayError):
    """Unknown user, disabled account or wrong authcode: one text for clients, `reason` says
    which."""

    outcome = "refused"

    def __init__(self, reason: str) -> None:
        super().__init__("'authcode' is not valid")
        self.reason = reason


class ClockMismatch(GatewayError):
    """Timestamp outside the window: the answer has `timestamperror` (protocol page, section 3)."""

    outcome, reason = "clock", "window"

    def __init__(self) -> None:
        super().__init__("'timestamp' is not valid")


class Replayed(ClockMismatch):
    """Request that was sent before. Clients sign it again, as they do for a wrong clock: with
    another timestamp it is a new request."""

    reason = "replay"


class LimitReached(GatewayError):
    """Rate limit, lockout or stream limit (`reason`); wait for `seconds`."""

    outcome = "limited"

    def __init__(self, reason: str, seconds: int) -> None:
        super().__init__(f"too many requests, try again in {seconds} seconds")
        self.reason, self.seconds = reason, seconds


class Unavailable(GatewayError):
    """Store out of use at the moment. For the operator alone: `reason` in a word, `problem` in a
    line of the log."""

    outcome = "unavailable"

    def __init__(self, reason: str = "", problem: str = "") -> None:
        super().__init__("service is not available, try again later")
        self.reason, self.problem = reason, problem


class OperatorError(Exception):
    """Failure that the operator can mend. `str()` is one line with the remedy."""


class ConfigurationError(OperatorError):
    """Setting that is not valid."""


class StoreError(OperatorError):
    """Store that is missing, not migrated, too new, or cannot be opened."""


class ImportFailed(OperatorError):
    """Source that cannot be imported at all; single bad lines are rejects, not errors."""
