-- purpose: how far the sessions are up to date: all that was stored before refreshed_until is in them
-- grain: one run of the refresh that found all it looked for; the greatest instant counts
CREATE TABLE IF NOT EXISTS refresh_marks
(
    refreshed_until DateTime64(3, 'UTC') CODEC(Delta, ZSTD(3))
)
ENGINE = MergeTree
ORDER BY refreshed_until
TTL toDateTime(refreshed_until) + INTERVAL 1 DAY;
