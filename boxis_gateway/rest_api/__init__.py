"""The TelecomX REST API.

Reading order: endpoint.py, auth.py, resource.py, resources/.
"""

from boxis_gateway.rest_api.endpoint import METHODS, rest_api

__all__ = ["METHODS", "rest_api"]
