-- purpose: the rows of sessions that have a newer one: (hash of the stream, session, version)
-- parameters: those of begun_weeks
-- reads: sessions
SELECT
    sipHash64(every.stream_id) AS stream_hash,
    every.session_id,
    arrayJoin(arrayPopBack(arraySort(groupArray(every.version)))) AS older_version
FROM sessions AS every
WHERE begun_weeks AND every.session_id IN (
    SELECT twice.session_id FROM sessions AS twice WHERE begun_weeks GROUP BY twice.session_id HAVING count() > 1
)
GROUP BY stream_hash, every.session_id
HAVING count() > 1
