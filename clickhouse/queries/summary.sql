-- purpose: every metric over all streams in view
-- grain: one row, or none where there is no session
-- parameters: those of metrics_by
-- reads: metrics_by
SELECT * EXCEPT (value, first_provider, first_event_at, last_event_at)
FROM metrics_by(
    by = '', from_ms = {from_ms:Int64}, to_ms = {to_ms:Int64}, stream_id = {stream_id:String},
    organizer_id = {organizer_id:String}, provider = {provider:String}, country = {country:String},
    device = {device:String}, include_bots = {include_bots:Bool}
)
