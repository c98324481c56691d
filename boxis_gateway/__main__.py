"""`python -m boxis_gateway` is the `boxis-gateway` command."""

from boxis_gateway.commands import main

main()
