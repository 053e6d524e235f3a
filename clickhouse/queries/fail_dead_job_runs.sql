-- purpose: write down that the runs of a job that died have failed, when they last gave a sign of life
-- parameters: job String; detail String: what is said of them
-- reads: job_runs; writes: job_runs
INSERT INTO job_runs
    (job, run_id, trigger, host, pid, started_at, heartbeat_at, lease_ms, status, finished_at, detail)
SELECT
    job,
    run_id,
    trigger,
    host,
    pid,
    started_at,
    heartbeat_at,
    lease_ms,
    'failed',
    toNullable(heartbeat_at) AS died_at,
    {detail:String}
FROM job_runs FINAL
WHERE job = {job:String} AND is_dead
