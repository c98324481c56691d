"""Tables of the REST API: resellers, employees, tokens."""

from peewee import (
    BooleanField,
    CharField,
    ForeignKeyField,
    Model,
    SmallIntegerField,
    TextField,
)
from playhouse.migrate import migrate


def up(migrator, db):
    migrate(
        migrator.add_column("customer", "parent_reseller_id", CharField(24, null=True, index=True))
    )

    class Customer(Model):
        id = CharField(24, primary_key=True)

        class Meta:
            database = db
            table_name = "customer"

    class Employee(Model):
        id = CharField(24, primary_key=True)
        customer = ForeignKeyField(Customer)
        name = TextField()
        username = TextField()
        username_folded = TextField(unique=True)
        password_hash = TextField(null=True)
        level = CharField(14)
        state = CharField(8)
        created_at = CharField(23)
        failures = SmallIntegerField()
        locked_until = CharField(23, null=True)

        class Meta:
            database = db
            table_name = "employee"

    class Token(Model):
        digest = CharField(64, primary_key=True)
        employee = ForeignKeyField(Employee)
        machine = BooleanField()
        created_at = CharField(23)
        expires_at = CharField(23, null=True)
        address = TextField(null=True)

        class Meta:
            database = db
            table_name = "token"

    db.create_tables([Employee, Token])
