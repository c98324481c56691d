"""The REST API: JSON by HTTP's own methods. Read endpoint.py, then auth.py."""

from boxis_gateway.rest_api.endpoint import METHODS, rest_api

__all__ = ["METHODS", "rest_api"]
