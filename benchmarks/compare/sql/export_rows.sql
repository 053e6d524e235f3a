-- purpose: the same events in the same order as the rows that ingest would insert
-- grain: one event as it arrived
-- parameters: path String: the file
-- reads: bench_sent
INSERT INTO FUNCTION file({path:String}, 'JSONCompactEachRow')
SELECT * EXCEPT (number, started_ts)
FROM bench_sent
ORDER BY received_ms, stream_id, client_id, seq
SETTINGS engine_file_truncate_on_insert = 1, output_format_json_quote_64bit_integers = 0
