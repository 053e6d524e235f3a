-- purpose: the days of a mart that a question is answered by: those that are not in a range left to the sessions
-- parameters: from_day, to_day Date: the days, the last one not included; from_a, to_a, from_b, to_b Int64: the ranges in ms
(
    day >= {from_day:Date} AND day < {to_day:Date}
    AND NOT (toInt64(day) * 86400000 >= {from_a:Int64} AND toInt64(day) * 86400000 < {to_a:Int64})
    AND NOT (toInt64(day) * 86400000 >= {from_b:Int64} AND toInt64(day) * 86400000 < {to_b:Int64})
)
