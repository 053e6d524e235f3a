-- purpose: refused events for a reader, the newest first
-- grain: one refused event; received_ms in ms since the epoch
-- parameters: reason, protocol, stream_id String: only these, '' any; since_ms Int64: only later ones
--   limit UInt32: as many at most
-- reads: dead_letters
SELECT
    toUnixTimestamp64Milli(received_at) AS received_ms,
    protocol,
    stream_id,
    reason,
    message,
    envelope,
    payload
FROM dead_letters
WHERE ({reason:String} = '' OR reason = {reason:String})
    AND ({protocol:String} = '' OR protocol = {protocol:String})
    AND ({stream_id:String} = '' OR stream_id = {stream_id:String})
    AND received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
ORDER BY received_at DESC, sipHash64(protocol, stream_id, reason, message, envelope, payload)
LIMIT {limit:UInt32}
