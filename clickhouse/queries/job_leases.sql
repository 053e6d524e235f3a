-- purpose: the runs of a job that hold its lease or try to, but for one
-- grain: one run
-- parameters: job String; run_id UUID: the run that asks
-- reads: job_leases
SELECT
    toString(run_id) AS rival_id,
    is_standing
FROM job_leases FINAL
WHERE job = {job:String}
    AND run_id != {run_id:UUID}
    AND renewed_at + toIntervalMillisecond(lease_ms) > now64(3, 'UTC')
