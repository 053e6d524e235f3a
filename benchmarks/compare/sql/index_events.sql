-- purpose: the indexes such a table has: by time, by stream and time, by viewer
CREATE INDEX events_by_time ON events (ts);
CREATE INDEX events_by_stream ON events (stream_id, ts);
CREATE INDEX events_by_client ON events (client_id, stream_id, ts);
