-- purpose: let ingest cost fewer merges: small parts of client_sessions wait for more of their kind instead of being
--   merged with the large one again and again (docs/performance.md)
ALTER TABLE client_sessions MODIFY SETTING merge_selector_base = 20;
