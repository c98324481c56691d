"""Encrypted user keys; the plain ones are wiped afterwards."""


def up(migrator, db):
    for statement in STATEMENTS:  # `sealed` is a function of the migration's transaction
        db.execute_sql(statement)


STATEMENTS = (
    'ALTER TABLE "account" RENAME COLUMN "user_key" TO "sealed_key"',
    'UPDATE "account" SET "sealed_key" = sealed("sealed_key")',
    "INSERT INTO \"secret\" VALUES ('key_check', sealed('boxis-gateway'))",
    "INSERT INTO \"secret\" SELECT 'to_wipe', 'user keys' WHERE EXISTS (SELECT 1 FROM \"account\")",
)
