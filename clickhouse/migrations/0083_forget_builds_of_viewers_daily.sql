-- purpose: have every day of viewers_daily built again: it has rows for every dimension since, and for the streams of a
--   country, device or provider (stream_country, stream_device, stream_provider: the value, a line break, the stream)
ALTER TABLE mart_builds DELETE WHERE model = 'viewers_daily' SETTINGS mutations_sync = 1;
