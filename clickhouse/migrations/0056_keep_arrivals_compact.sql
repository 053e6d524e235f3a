-- purpose: let the log of arrivals cost an insert less: its parts keep all columns in one file, also once merged
ALTER TABLE arrivals MODIFY SETTING min_bytes_for_wide_part = 1073741824, min_rows_for_wide_part = 1000000000;
