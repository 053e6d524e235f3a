-- purpose: which rows of sessions may be of one that began in the periods: their weeks, two days wider than asked, so
--   that no newer version of a row that matters lies outside
-- parameters: from_a, to_a, from_b, to_b Int64, as reach has them
(
    start_week <= toMonday(toDate(fromUnixTimestamp64Milli({to_a:Int64}, 'UTC')) + 2)
    AND last_week >= toMonday(toDate(fromUnixTimestamp64Milli(
        if({to_b:Int64} = 0, {from_a:Int64}, {from_b:Int64}), 'UTC'
    )) - 2)
)
