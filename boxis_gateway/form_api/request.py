"""Common parameters of all actions (protocol page, section 2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from boxis_gateway.errors import InvalidRequest
from boxis_gateway.form_api.form import Form


@dataclass(frozen=True)
class ApiRequest:
    """Common parameters as sent, not checked yet."""

    username: str
    timestamp: str
    authcode: str = field(repr=False)
    version: str
    section: str
    action: str

    @classmethod
    def from_form(cls, form: Form) -> ApiRequest:
        """Read the fields, with defaults for missing or blank ones."""
        return cls(
            username=form.get("username"),
            timestamp=form.get("timestamp"),
            authcode=form.get("authcode"),
            version=form.get("version", "1.0"),
            section=form.get("section", "sms"),
            action=form.get("action"),
        )

    def check_version(self) -> None:
        """Raise InvalidRequest unless the version is 1.0."""
        if self.version != "1.0":
            raise InvalidRequest.field("version")
