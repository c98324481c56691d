"""`customer add|list|show`: owners of accounts, employees and messages."""

from __future__ import annotations

import click

from boxis_gateway.commands.options import check_customer_name, with_store
from boxis_gateway.store import Store
from boxis_gateway.zones import utc_now


@click.group()
def customer() -> None:
    """Add and show customers.

    \b
    Example:
      boxis-gateway customer add "Anna's shop" --reseller "North SMS"
    """


@customer.command()
@click.argument("name")
@click.option("--reseller", metavar="NAME", help="Its reseller, by name or id.")
@with_store
def add(store: Store, name: str, reseller: str | None) -> None:
    """Add the customer NAME.

    \b
    Example:
      boxis-gateway customer add "North SMS"
    """
    check_customer_name(name)
    parent = store.customers.get(reseller) if reseller else None
    added = store.customers.add(name, utc_now(), parent)
    click.echo(f"Customer {name} added.\nid: {added.id}")


@customer.command("list")
@with_store
def list_(store: Store) -> None:
    """List all customers: id, name and reseller.

    \b
    Example:
      boxis-gateway customer list
    """
    customers = store.customers.all()
    names = {entry.id: entry.name for entry in customers}
    for entry in customers:
        reseller = names.get(entry.parent_reseller_id or "", "")
        click.echo(f"{entry.id}\t{entry.name}" + (f"\t{reseller}" if reseller else ""))


@customer.command()
@click.argument("name")
@with_store
def show(store: Store, name: str) -> None:
    """Show a customer, by name or id.

    \b
    Example:
      boxis-gateway customer show "North SMS"
    """
    shown = store.customers.get(name)
    reseller = store.customers.find(shown.parent_reseller_id) if shown.parent_reseller_id else None
    click.echo(f"id: {shown.id}")
    click.echo(f"name: {shown.name}")
    click.echo(f"reseller: {reseller.name if reseller else ''}".rstrip())
    click.echo(f"accounts: {', '.join(store.customers.account_names(shown))}".rstrip())
    click.echo(f"employees: {', '.join(store.customers.employee_names(shown))}".rstrip())


COMMAND = customer
