"""The tree of anticipated failures; no HTTP, no XML.

    GatewayError                 its text is fit for the client that asked
    ├── InvalidRequest           the form, or one of its fields, cannot be used
    ├── AuthenticationFailed     user name and authcode do not go together
    └── ClockMismatch            the timestamp is outside the window
    OperatorError                its text is one line for the operator, with the remedy
    ├── ConfigurationError       a setting cannot be used
    ├── StoreError               the store is missing, not migrated, newer, not readable
    └── ImportFailed             a source of messages cannot be read at all

Each door translates: `GatewayError` becomes a failure envelope at the form door, `OperatorError`
one line on stderr and exit code 1 on the command line. What is neither is a bug.
"""


class GatewayError(Exception):
    """Anticipated, and the client's to mend. `str()` is the error description on the wire."""


class InvalidRequest(GatewayError):
    """The request cannot be used; the text says which part of it."""

    @classmethod
    def field(cls, name: str) -> "InvalidRequest":
        """In the provider's wording (protocol page, section 7)."""
        return cls(f"'{name}' is not valid")


class AuthenticationFailed(GatewayError):
    """One text for an unknown user, a disabled account and a wrong authcode."""

    def __init__(self) -> None:
        super().__init__("'authcode' is not valid")


class ClockMismatch(GatewayError):
    """The client's clock is off: the answer carries `timestamperror` (protocol page, section 3)."""

    def __init__(self) -> None:
        super().__init__("'timestamp' is not valid")


class OperatorError(Exception):
    """Anticipated, and the operator's to mend. `str()` is one line that says how."""


class ConfigurationError(OperatorError):
    """A setting that cannot be used."""


class StoreError(OperatorError):
    """The store is missing, not migrated, too new, or cannot be opened."""


class ImportFailed(OperatorError):
    """A file that cannot be imported as a whole (single bad lines are reported, not raised)."""
