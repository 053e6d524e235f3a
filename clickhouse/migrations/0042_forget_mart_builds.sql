-- purpose: have every day of the marts built again, which the next three files empty
TRUNCATE TABLE mart_builds;
