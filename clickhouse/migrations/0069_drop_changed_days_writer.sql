-- purpose: let sessions be written by more than one thread; whoever folds notes the days in a statement of its own
DROP VIEW IF EXISTS changed_days_writer;
