"""Resources of the REST API, one noun a file; new ones are added here."""

from boxis_gateway.rest_api.resources import auth, employees, sms, sms_export

RESOURCES = (*auth.RESOURCES, *employees.RESOURCES, *sms.RESOURCES, *sms_export.RESOURCES)
