-- purpose: what reach needs to know of a session, for the branches of its union
stream_id,
client_id,
is_bot,
is_attempt,
error_codes,
country,
device,
os,
browser,
player_name,
provider,
toUnixTimestamp64Milli(started_at) AS started_ms
