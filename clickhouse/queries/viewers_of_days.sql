-- purpose: distinct viewers over days in a row: of each day those who had no attempt on an earlier one of them
-- grain: one row
-- parameters: dimension, value String; from_day, to_day Date: the days, the last one not included
-- reads: viewers_daily
SELECT toUInt64(sum(arraySum(
    (previous_day, viewers) -> if(previous_day < {from_day:Date}, viewers, 0), previous_days, previous_viewers
))) AS viewers
FROM viewers_daily FINAL
WHERE dimension = {dimension:String} AND value = {value:String} AND day >= {from_day:Date} AND day < {to_day:Date}
