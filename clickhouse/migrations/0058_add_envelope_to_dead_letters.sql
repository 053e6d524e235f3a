-- purpose: keep beside a refused event what its batch said of the sender, without which it cannot be taken again
ALTER TABLE dead_letters ADD COLUMN IF NOT EXISTS envelope String CODEC(ZSTD(3));
