-- purpose: how many refused events are kept, for /metrics
-- grain: one row
-- reads: dead_letters
SELECT count() AS letters FROM dead_letters
