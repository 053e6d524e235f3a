-- purpose: which rows of sessions may be of one over the begin of a period: their weeks, two days wider than asked
-- parameters: from_a, from_b, to_b Int64, as reach has them
(
    start_week <= toMonday(toDate(fromUnixTimestamp64Milli({from_a:Int64}, 'UTC')) + 2)
    AND last_week >= toMonday(toDate(fromUnixTimestamp64Milli({from_a:Int64}, 'UTC')) - 2)
    OR {to_b:Int64} != 0
    AND start_week <= toMonday(toDate(fromUnixTimestamp64Milli({from_b:Int64}, 'UTC')) + 2)
    AND last_week >= toMonday(toDate(fromUnixTimestamp64Milli({from_b:Int64}, 'UTC')) - 2)
)
