-- purpose: have the index of 0070 for the rows that are there already
ALTER TABLE sessions MATERIALIZE INDEX newest;  -- noqa: PRS
