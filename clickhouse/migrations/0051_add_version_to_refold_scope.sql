-- purpose: let a refold's rows say up to which stamp they surely include the arrivals, which is their version
-- version: the watermark (queries/watermark.sql) in ns, asked before the sessions of the batch were
ALTER TABLE refold_scope ADD COLUMN IF NOT EXISTS version UInt64;
