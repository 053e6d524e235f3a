-- purpose: metric_sums over the sessions of a view, for the part of a question that no mart answers
-- parameters: dimensions, bucket_length_ms, from_a, to_a, from_b, to_b and the filters, as those of metric_sums
-- reads: metric_sums
SELECT *
FROM metric_sums(
    dimensions = {dimensions:Array(String)}, bucket_length_ms = {bucket_length_ms:Int64},
    from_a = {from_a:Int64}, to_a = {to_a:Int64}, from_b = {from_b:Int64}, to_b = {to_b:Int64},
    stream_id = {stream_id:String}, organizer_id = {organizer_id:String}, provider = {provider:String},
    country = {country:String}, device = {device:String}, include_bots = {include_bots:Bool}
)
