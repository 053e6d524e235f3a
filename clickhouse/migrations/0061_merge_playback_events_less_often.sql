-- purpose: let ingest cost fewer merges: small parts of playback_events wait for more of their kind instead of being
--   merged with the large one again and again (docs/performance.md)
ALTER TABLE playback_events MODIFY SETTING merge_selector_base = 20;
