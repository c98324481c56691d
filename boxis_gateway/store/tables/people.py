"""Customers, accounts, employees, tokens and contacts."""

from __future__ import annotations

from peewee import (
    AutoField,
    BooleanField,
    CharField,
    CompositeKey,
    ForeignKeyField,
    Model,
    SmallIntegerField,
    TextField,
)

INSTANT_LENGTH = 23  # yyyy-mm-dd hh:mm:ss.mmm


class Customer(Model):
    """Owner of accounts and messages. The id is 24 lower-case hexadecimal digits. A reseller is the
    parent of other customers."""

    id = CharField(24, primary_key=True)
    name = TextField()
    created_at = CharField(INSTANT_LENGTH)
    parent_reseller_id = CharField(24, null=True, index=True)

    class Meta:
        table_name = "customer"


class Account(Model):
    """User of the form API. `sealed_key` is the user key, encrypted, not hashed: it is needed to
    check md5(timestamp + user_key). `options` is a JSON object of the account's settings."""

    id = AutoField()
    customer = ForeignKeyField(Customer)
    username = TextField()
    username_folded = TextField(unique=True)  # user names are compared without case
    sealed_key = TextField()
    enabled = BooleanField()
    options = TextField()
    created_at = CharField(INSTANT_LENGTH)

    class Meta:
        table_name = "account"


class SenderName(Model):
    """A sender that the account may use, in the order given."""

    account = ForeignKeyField(Account, index=False)
    name = CharField(20)
    position = SmallIntegerField()

    class Meta:
        table_name = "sender_name"
        primary_key = CompositeKey("account", "name")


class Employee(Model):
    """User of the REST API."""

    id = CharField(24, primary_key=True)
    customer = ForeignKeyField(Customer)
    name = TextField()
    username = TextField()
    username_folded = TextField(unique=True)  # user names are compared without case
    password_hash = TextField(null=True)
    level = CharField(14)
    state = CharField(8)
    created_at = CharField(INSTANT_LENGTH)

    class Meta:
        table_name = "employee"


class Token(Model):
    """SHA-256, in hexadecimal, of a token for the REST API. Tokens of machines and persistent
    sessions do not expire. `address` is where the login came from."""

    digest = CharField(64, primary_key=True)
    employee = ForeignKeyField(Employee)
    machine = BooleanField()
    created_at = CharField(INSTANT_LENGTH)
    expires_at = CharField(INSTANT_LENGTH, null=True)
    address = TextField(null=True)

    class Meta:
        table_name = "token"


class Contact(Model):
    """A customer's name for a number."""

    customer = ForeignKeyField(Customer, index=False)
    number = TextField()
    name = TextField()

    class Meta:
        table_name = "contact"
        primary_key = CompositeKey("customer", "number")


class ContactGroup(Model):
    """Named group of a customer's numbers. The id has the form of a customer's."""

    id = CharField(24, primary_key=True)
    customer = ForeignKeyField(Customer)
    name = TextField()

    class Meta:
        table_name = "contact_group"


class GroupMember(Model):
    """A number of a group."""

    group = ForeignKeyField(ContactGroup, index=False)
    number = TextField()

    class Meta:
        table_name = "group_member"
        primary_key = CompositeKey("group", "number")
