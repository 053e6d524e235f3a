"""The design this replaces, measured on the same events: Postgres, an events table, sessions and peaks by SQL."""
