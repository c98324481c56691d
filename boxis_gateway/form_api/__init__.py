"""The Boxis.net form API. Start at endpoint.py.

The path of a request: endpoint.py, form.py, request.py, auth.py, action.py, actions/, results.py,
renderers/. "Protocol page" means the provider's documentation of getHistory in the wiki revision of
9 May 2012, 12:29, as completed by docs/decisions.md. Its sections: 1 transport, 2 common
parameters, 3 authentication, 4 envelope, 5 data formats, 6 character sets, 7 error descriptions,
8 actions, 11 open points.
"""
