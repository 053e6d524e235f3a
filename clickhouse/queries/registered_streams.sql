-- purpose: the registry, one page of it
-- grain: one registered stream
-- parameters: organizer_id String ('' for any), q String (part of id or title, '' for any), limit UInt64, offset UInt64
-- reads: streams
SELECT
    stream_id,
    title,
    organizer_id,
    is_live,
    providers,
    version,
    count() OVER () AS total
FROM streams FINAL
WHERE ({organizer_id:String} = '' OR organizer_id = {organizer_id:String})
    AND ({q:String} = '' OR positionCaseInsensitiveUTF8(concat(stream_id, ' ', title), {q:String}) > 0)
ORDER BY stream_id
LIMIT {limit:UInt64} OFFSET {offset:UInt64}
