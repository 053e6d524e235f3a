-- purpose: let playback_events be laid out anew without its rows being written again; 0038 makes it anew
DROP VIEW IF EXISTS client_sessions_writer;
