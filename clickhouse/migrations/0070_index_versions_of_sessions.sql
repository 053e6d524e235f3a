-- purpose: let the rows of the last folds be found without reading the versions of all sessions
-- The linter cannot parse it, since it does not know indices.
ALTER TABLE sessions ADD INDEX IF NOT EXISTS newest version TYPE minmax GRANULARITY 64;  -- noqa: PRS
