"""Who sends, who logs in, and what they call others."""

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
    """Who owns messages and accounts. The id is 24 lower-case hexadecimal digits. A reseller is a
    customer that others name as theirs."""

    id = CharField(24, primary_key=True)
    name = TextField()
    created_at = CharField(INSTANT_LENGTH)
    parent_reseller_id = CharField(24, null=True, index=True)

    class Meta:
        table_name = "customer"


class Account(Model):
    """Who asks at the form API. The user key must be readable, as md5(timestamp + user_key) is
    checked with it: `sealed_key` is it, encrypted (see vault.py). `options` is a JSON object of
    what differs from the server's settings."""

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
    """Who logs in at the REST API."""

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
    """What an employee shows instead of the password; here is its SHA-256, in hexadecimal. A token
    of a machine, and one that persists, does not expire. `address` is where the login came from."""

    digest = CharField(64, primary_key=True)
    employee = ForeignKeyField(Employee)
    machine = BooleanField()
    created_at = CharField(INSTANT_LENGTH)
    expires_at = CharField(INSTANT_LENGTH, null=True)
    address = TextField(null=True)

    class Meta:
        table_name = "token"


class Contact(Model):
    """What a customer calls a number."""

    customer = ForeignKeyField(Customer, index=False)
    number = TextField()
    name = TextField()

    class Meta:
        table_name = "contact"
        primary_key = CompositeKey("customer", "number")


class ContactGroup(Model):
    """Numbers of a customer that are sent to under one name. The id is as a customer's."""

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
