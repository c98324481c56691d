"""A customer's phone book and groups of numbers."""

from peewee import CharField, CompositeKey, ForeignKeyField, Model, TextField


def up(migrator, db):
    class Customer(Model):
        id = CharField(24, primary_key=True)

        class Meta:
            database = db
            table_name = "customer"

    class Contact(Model):
        customer = ForeignKeyField(Customer, index=False)
        number = TextField()
        name = TextField()

        class Meta:
            database = db
            table_name = "contact"
            primary_key = CompositeKey("customer", "number")

    class ContactGroup(Model):
        id = CharField(24, primary_key=True)
        customer = ForeignKeyField(Customer)
        name = TextField()

        class Meta:
            database = db
            table_name = "contact_group"

    class GroupMember(Model):
        group = ForeignKeyField(ContactGroup, index=False)
        number = TextField()

        class Meta:
            database = db
            table_name = "group_member"
            primary_key = CompositeKey("group", "number")

    db.create_tables([Contact, ContactGroup, GroupMember])
