-- purpose: how many sessions a batch holds
-- parameters: batch_id UUID
-- reads: refold_scope
SELECT count() AS sessions FROM refold_scope WHERE batch_id = {batch_id:UUID}
