-- purpose: the same from the mart for some days and from the sessions for the rest, all of one period
-- parameters: those of dimension_days and fresh_sums
-- reads: dimension_daily, metric_sums
SELECT value, every_sum, startup_state, viewer_hashes, stream_hashes, 0 AS period
FROM dimension_daily FINAL
WHERE dimension = {dimension:String} AND ({value:String} = '' OR value = {value:String}) AND covered_days
UNION ALL
SELECT value, every_sum, startup_state, viewer_hashes, stream_hashes, 0 AS period FROM fresh_sums
