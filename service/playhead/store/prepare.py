"""Makes the database fit for this version and these settings, as far as its user may change it."""

from playhead.errors import MigrationError, StoreDeniedError
from playhead.settings import Settings
from playhead.store.clients import ClientStore
from playhead.store.cluster import ClusterStore, nodes_of
from playhead.store.contract import Store
from playhead.store.migrate import Migration, migrate, plan, read_migrations
from playhead.store.spread import create_databases, missing, spread
from playhead.store.tables import fit_tables
from playhead.store.writers import free_writers


async def prepare(store: Store, settings: Settings) -> list[Migration]:
    """Apply what is pending, fit the tables to the settings, and return the migrations that were applied.

    A user who may only read is enough where nothing is to be done. Raises MigrationError where the database and this
    version disagree, or where something is to be done and the user may not; StoreError when a statement fails.
    """
    try:
        applied = await migrate_everywhere(store)
        for node in await nodes_of(store):
            await fit_tables(node, settings)
            if isinstance(node, ClientStore):
                await free_writers(node)
    except StoreDeniedError as error:
        raise MigrationError(
            "the database is not as this version and these settings want it, and its user may not change it: "
            "run `playhead migrate` with the URL of its owner in PLAYHEAD_CLICKHOUSE_URL, then start again "
            f"({str(error).splitlines()[0][:300]})"
        ) from error
    return applied


async def plan_everywhere(store: Store) -> list[Migration]:
    """Return the migrations that a node lacks; raises as `plan`."""
    if not isinstance(store, ClusterStore):
        return await plan(store)
    if not all([await node.has_databases() for node in await store.nodes()]):
        return read_migrations()
    lacking = {migration for target in await store.schema_targets() for migration in await plan(target)}
    return sorted(lacking)


async def is_spread(store: Store) -> bool:
    """Return whether every node of a cluster has the tables and views over all shards that it should have."""
    if not isinstance(store, ClusterStore):
        return True
    return not any([await missing(store, node) for node in await store.nodes()])


async def migrate_everywhere(store: Store) -> list[Migration]:
    """Apply what is pending on every node, and return it; raises as `migrate`."""
    if not isinstance(store, ClusterStore):
        return await migrate(store)
    await create_databases(store)
    applied = {migration for target in await store.schema_targets() for migration in await migrate(target)}
    await spread(store)
    return sorted(applied)
