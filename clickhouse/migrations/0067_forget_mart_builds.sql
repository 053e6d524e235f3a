-- purpose: have every day of the marts built again, one of which the next file empties
TRUNCATE TABLE mart_builds;
