-- purpose: compare a day of a mart with what its sessions add up to now, row by row and figure by figure
-- grain: one row; sums_source: the figures by key, as built and as worked out (fragments drift_*)
-- parameters: what the source takes
-- The union gives both sides the same types, and text is the same for two NaN.
SELECT
    count() AS checked,
    countIf(is_different) AS differing,
    groupArraySortedIf(10)(key, is_different) AS examples
FROM (
    SELECT key, count() != 2 OR countIf(is_built) != 1 OR uniqExact(figures) != 1 AS is_different
    FROM (SELECT is_built, key, toString(tuple(* EXCEPT is_built)) AS figures FROM sums_source)
    GROUP BY key
)
