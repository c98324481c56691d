"""Wrong passwords are counted in memory, by address (limiting/lockouts.py): not here any more."""

from playhouse.migrate import migrate


def up(migrator, db):
    migrate(
        migrator.drop_column("employee", "failures"),
        migrator.drop_column("employee", "locked_until"),
    )
