-- purpose: partitions whose rows are still in several parts
-- grain: one partition
SELECT p.table AS table_name, p.partition_id AS partition_id
FROM system.parts AS p
WHERE p.active AND p.database = currentDatabase()
GROUP BY table_name, partition_id
HAVING count() > 1
ORDER BY table_name, partition_id
