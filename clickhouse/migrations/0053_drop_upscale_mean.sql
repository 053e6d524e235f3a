-- purpose: do without a figure that nobody reads: it is accumulator.upscale_nanos_ms over upscale_known_ms
ALTER TABLE sessions DROP COLUMN IF EXISTS upscale_mean;
