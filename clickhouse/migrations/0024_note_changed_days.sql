-- purpose: feed changed_days from every refold
-- reads: sessions (the inserted block)
CREATE MATERIALIZED VIEW IF NOT EXISTS changed_days_writer TO changed_days AS
SELECT
    arrayJoin(arrayMap(i -> changed_from + i, range(toUInt32(1 + changed_to - changed_from)))) AS day,
    max(version) AS changed_version
FROM sessions
GROUP BY day;
