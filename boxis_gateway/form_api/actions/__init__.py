"""Table of the actions of the form API.

To add one, write `actions/get_balance.py` with a schema of its parameters and a handler under
`@action`, name it here, and put an exchange into `tests/wire/` (CONTRIBUTING.md has an example).
"""

from boxis_gateway.form_api.action import table
from boxis_gateway.form_api.actions.get_history import get_history

ACTIONS = table([get_history])
