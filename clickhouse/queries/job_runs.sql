-- purpose: the last runs of each job, newest first; instants in ms; one that died is told as failed when it last lived
-- grain: one run
-- parameters: job String: this job alone, '': all; runs_per_job UInt32; detail_of_dead String: what is said of them
-- reads: job_runs
SELECT
    id AS run_id,
    job,
    trigger,
    host,
    pid,
    started_ms AS started_at,
    heartbeat_ms AS heartbeat_at,
    finished_ms AS finished_at,
    outcome AS status,
    summary AS detail
FROM (
    SELECT
        toString(run_id) AS id,
        job,
        trigger,
        host,
        pid,
        toUnixTimestamp64Milli(started_at) AS started_ms,
        toUnixTimestamp64Milli(heartbeat_at) AS heartbeat_ms,
        if(is_dead, heartbeat_ms, toUnixTimestamp64Milli(finished_at)) AS finished_ms,
        if(is_dead, 'failed', toString(status)) AS outcome,
        if(is_dead, {detail_of_dead:String}, detail) AS summary
    FROM job_runs FINAL
    WHERE {job:String} = '' OR job = {job:String}
    ORDER BY started_at DESC, run_id DESC
    LIMIT {runs_per_job:UInt32} BY job
)
ORDER BY started_ms DESC, id DESC
