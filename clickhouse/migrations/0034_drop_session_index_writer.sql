-- purpose: let playback_events be laid out anew without its rows being counted again; 0037 makes it anew
DROP VIEW IF EXISTS session_index_writer;
