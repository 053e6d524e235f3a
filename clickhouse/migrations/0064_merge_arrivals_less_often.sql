-- purpose: let ingest cost fewer merges: small parts of arrivals wait for more of their kind instead of being
--   merged with the large one again and again (docs/performance.md)
ALTER TABLE arrivals MODIFY SETTING merge_selector_base = 20;
