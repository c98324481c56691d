"""Form fields -> ApiRequest: the parameters that all actions have (protocol page, section 2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from boxis_gateway.errors import InvalidRequest
from boxis_gateway.form_api.form import Form


@dataclass(frozen=True)
class ApiRequest:
    """Who asks for what. Nothing in it is checked yet; texts are as sent."""

    username: str
    timestamp: str
    authcode: str = field(repr=False)
    version: str
    section: str
    action: str

    @classmethod
    def from_form(cls, form: Form) -> ApiRequest:
        """With the defaults of what is missing or blank."""
        return cls(
            username=form.get("username"),
            timestamp=form.get("timestamp"),
            authcode=form.get("authcode"),
            version=form.get("version", "1.0"),
            section=form.get("section", "sms"),
            action=form.get("action"),
        )

    def check_version(self) -> None:
        """Raises InvalidRequest unless the client speaks version 1.0."""
        if self.version != "1.0":
            raise InvalidRequest.field("version")
