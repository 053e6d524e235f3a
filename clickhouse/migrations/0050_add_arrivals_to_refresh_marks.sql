-- purpose: let a round of the refresh go on where another ended, and know when inserts were last counted
-- arrivals_until: every arrival stamped then or before is in the sessions; 1970-01-01: the round did not look at them
-- counted_until: sessions touched before were compared with the inserts by their number
ALTER TABLE refresh_marks
    ADD COLUMN IF NOT EXISTS arrivals_until DateTime64(9, 'UTC') CODEC(Delta, ZSTD(3)),
    ADD COLUMN IF NOT EXISTS counted_until DateTime64(3, 'UTC') CODEC(Delta, ZSTD(3));
