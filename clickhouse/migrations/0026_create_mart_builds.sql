-- purpose: which days of which mart are built, and up to which version of the sessions
-- grain: one day of one mart, once its parts are aggregated; written after the rows of the day are in the mart
-- settled_version: the database's time in ns when the build began, before it read the sessions, less 60 s. A day is
-- fresh while this is greater than its changed_version: whoever refolds a session takes less than those 60 s.
CREATE TABLE IF NOT EXISTS mart_builds
(
    model LowCardinality(String),
    day Date,
    settled_version SimpleAggregateFunction(max, UInt64),
    built_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) DEFAULT now64(3, 'UTC')
)
ENGINE = AggregatingMergeTree
ORDER BY (model, day);
