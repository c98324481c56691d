"""The resources, one noun a file. To add one, write it there and name it here."""

from boxis_gateway.rest_api.resources import auth, sms

RESOURCES = (*auth.RESOURCES, *sms.RESOURCES)
