-- purpose: small parts of refresh_marks as one file each, where the engine can (ClickHouse 26.8): to make and remove
--   some ten files each was much of a small insert's cost
ALTER TABLE refresh_marks MODIFY SETTING min_bytes_for_full_part_storage = 10000000;
