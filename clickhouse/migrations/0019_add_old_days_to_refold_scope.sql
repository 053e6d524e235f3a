-- purpose: let the fold know which days a session touched before, so that it can tell which days changed
-- was_first_day, was_last_day: the days of the session's rows so far; was_last_day 1970-01-01: it has none
ALTER TABLE refold_scope
    ADD COLUMN IF NOT EXISTS was_first_day Date,
    ADD COLUMN IF NOT EXISTS was_last_day Date;
