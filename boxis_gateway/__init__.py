"""A self-hosted SMS gateway that speaks the Boxis.net form API over one message store."""

__version__ = "0.1.0"
