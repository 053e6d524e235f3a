-- purpose: p50 and p95 of startup times, from sums named s and the query's startup_quantiles_ms; NULL without any
sum(s.known_startups) AS startups,
if(startups = 0, NULL, toUInt64(round(startup_quantiles_ms[1]))) AS startup_ms_p50,
if(startups = 0, NULL, toUInt64(round(startup_quantiles_ms[2]))) AS startup_ms_p95
