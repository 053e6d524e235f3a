-- purpose: what each column takes on disk, marks included
-- grain: one column of one table
SELECT
    c.table AS table_name,
    c.name AS name,
    c.data_compressed_bytes + c.marks_bytes AS bytes,
    c.data_uncompressed_bytes AS uncompressed_bytes
FROM system.columns AS c
WHERE c.database = currentDatabase() AND bytes > 0
ORDER BY table_name, bytes DESC, name
