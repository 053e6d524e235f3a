"""Makes the database fit for this version and these settings, as far as its user may change it."""

from playhead.errors import MigrationError, StoreDeniedError
from playhead.settings import Settings
from playhead.store.contract import Store
from playhead.store.migrate import Migration, migrate
from playhead.store.tables import fit_tables


async def prepare(store: Store, settings: Settings) -> list[Migration]:
    """Apply what is pending, fit the tables to the settings, and return the migrations that were applied.

    A user who may only read is enough where nothing is to be done. Raises MigrationError where the database and this
    version disagree, or where something is to be done and the user may not; StoreError when a statement fails.
    """
    try:
        applied = await migrate(store)
        await fit_tables(store, settings)
    except StoreDeniedError as error:
        raise MigrationError(
            "the database is not as this version and these settings want it, and its user may not change it: "
            "run `playhead migrate` with the URL of its owner in PLAYHEAD_CLICKHOUSE_URL, then start again "
            f"({str(error).splitlines()[0][:300]})"
        ) from error
    return applied
