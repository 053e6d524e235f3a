-- purpose: metric_sums and the marts have taken its place
DROP VIEW IF EXISTS metrics_by;
