-- purpose: when the sessions of a day last changed, so that what was added up for a day is known to be fresh or not
-- grain: one day (UTC), once its parts are aggregated; a day that is not here has no sessions
-- changed_version: the greatest `sessions.version` of those that touch the day, or touched it before
CREATE TABLE IF NOT EXISTS changed_days
(
    day Date,
    changed_version SimpleAggregateFunction(max, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY day;
