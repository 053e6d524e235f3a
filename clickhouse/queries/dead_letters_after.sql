-- purpose: refused events in the order they came, page by page
-- grain: one refused event; received_ms in ms since the epoch, letter_id a hash that orders letters of one instant
-- parameters: reason, protocol, stream_id String: only these, '' any; since_ms Int64: only later ones
--   after_ms Int64, after_id UInt64: only what comes after this one; limit UInt32: as many at most
-- reads: dead_letters
SELECT
    toUnixTimestamp64Milli(received_at) AS received_ms,
    sipHash64(protocol, stream_id, reason, message, envelope, payload) AS letter_id,
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
    AND received_at >= fromUnixTimestamp64Milli(greatest({since_ms:Int64}, {after_ms:Int64}), 'UTC')
    AND (received_ms, letter_id) > ({after_ms:Int64}, {after_id:UInt64})
ORDER BY received_at, letter_id
LIMIT {limit:UInt32}
