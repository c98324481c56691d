"""No lockouts in the store: memory counts them (limiting/lockouts.py)."""

from playhouse.migrate import migrate


def up(migrator, db):
    migrate(
        migrator.drop_column("employee", "failures"),
        migrator.drop_column("employee", "locked_until"),
    )
