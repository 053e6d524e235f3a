-- purpose: what each table takes on disk, everything included: columns, marks, indexes
-- grain: one table
SELECT
    p.table AS name,
    sum(p.rows) AS rows,
    sum(p.bytes_on_disk) AS bytes,
    count() AS parts
FROM system.parts AS p
WHERE p.active AND p.database = currentDatabase()
GROUP BY name
ORDER BY bytes DESC, name
