-- purpose: the admin keys in force, oldest first; created_at in ms
-- grain: one key
-- reads: api_keys
SELECT
    toString(key_id) AS id,
    name,
    organizer_id,
    toUnixTimestamp64Milli(created_at) AS created_at
FROM api_keys FINAL
ORDER BY created_at, id
