-- purpose: small parts of playback_events as one file each, where the engine can (ClickHouse 26.8): to make and remove
--   some ten files each was much of a small insert's cost
ALTER TABLE playback_events MODIFY SETTING min_bytes_for_full_part_storage = 10000000;
