-- purpose: the days that a session touches, or touched before this version: what was added up for them is out of date
ALTER TABLE sessions
    ADD COLUMN IF NOT EXISTS changed_from Date DEFAULT toDate(started_at) CODEC(ZSTD(3)),
    ADD COLUMN IF NOT EXISTS changed_to Date DEFAULT toDate(last_at) CODEC(ZSTD(3));
