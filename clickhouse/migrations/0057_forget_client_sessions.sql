-- purpose: forget the clients of sessions that no batch can go on with any more
-- The days are PLAYHEAD_MAX_EVENT_AGE_DAYS and 8 more; the service sets them anew when it starts with other settings.
ALTER TABLE client_sessions MODIFY TTL toDateTime(last_touched_at) + toIntervalDay(15);
