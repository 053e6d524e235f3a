-- purpose: distinct viewers and streams by the values of a dimension whose marts do not keep who they were
-- grain: one value that has a session in view
-- parameters: those of metric_sums
-- reads: fresh_sums: metric_sums
SELECT value, viewers, streams
FROM fresh_sums
