-- purpose: distinct viewers over days in a row: of each day those who had no attempt on an earlier one of them
-- grain: one value and period; 0: the days from split_day on, 1: those before it, each counted for itself
-- parameters: dimension String; values Array(String): of it, empty for all; split_day Date
--   from_day, to_day Date: the days, the last one not included
-- reads: viewers_daily
SELECT
    value,
    toUInt8(day < {split_day:Date}) AS period,
    toUInt64(sum(arraySum(
        (previous_day, viewers) -> if(
            previous_day < if(day < {split_day:Date}, {from_day:Date}, greatest({from_day:Date}, {split_day:Date})),
            viewers,
            0
        ),
        previous_days,
        previous_viewers
    ))) AS viewers
FROM viewers_daily FINAL
WHERE dimension = {dimension:String}
    AND (empty({values:Array(String)}) OR value IN {values:Array(String)})
    AND day >= {from_day:Date}
    AND day < {to_day:Date}
GROUP BY value, period
SETTINGS use_uncompressed_cache = 1
