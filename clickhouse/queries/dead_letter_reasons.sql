-- purpose: how many refused events are kept, and why they were refused
-- grain: one protocol and reason; last_at in ms since the epoch
-- reads: dead_letters
SELECT protocol, reason, count() AS letters, toUnixTimestamp64Milli(max(received_at)) AS last_at
FROM dead_letters
GROUP BY protocol, reason
ORDER BY letters DESC, protocol, reason
