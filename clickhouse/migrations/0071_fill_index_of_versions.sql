-- purpose: have the index of 0070 for the rows that are there already
-- The linter cannot parse it, since it does not know indices.
ALTER TABLE sessions MATERIALIZE INDEX newest;  -- noqa: PRS
