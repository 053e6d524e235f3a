-- purpose: how each job went last, for /metrics; instants in s, 0: never
-- grain: one job that ever ran
-- reads: job_runs
SELECT
    CAST(job, 'String') AS name,
    argMax(if(is_dead, 'failed', CAST(status, 'String')), started_at) AS last_status,
    max(toUnixTimestamp64Milli(started_at)) / 1000 AS last_started_s,
    maxIf(toUnixTimestamp64Milli(assumeNotNull(finished_at)), status = 'succeeded') / 1000 AS last_success_s
FROM job_runs FINAL
GROUP BY name
