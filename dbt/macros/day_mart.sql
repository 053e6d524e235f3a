{#
  A mart of whole days in a table that a migration made. A run finds the days whose sessions changed since they were
  built (--full-refresh: every day), works them out anew and appends them under a new version: readers see a day as it
  was or as it is. The model is a SELECT over the range [{from_ms:Int64}, {to_ms:Int64}) of whole days in a row, with
  columns named as those of the table; the table says which of them it wants.

  config: keys, what a row is identified by, the day among it
          looks_back, whether a day's rows depend on earlier days; then a change of a day makes all later days stale
#}
{% materialization day_mart, adapter='clickhouse' %}
  {%- set target = load_cached_relation(this) -%}
  {%- if target is none -%}
    {%- do exceptions.raise_compiler_error('there is no table ' ~ this ~ ': run `playhead migrate`') -%}
  {%- endif -%}

  {#- Read before anything else: what is stored from now on may be missing in the rows. -#}
  {%- set version = database_now_ns() -%}
  {%- set looks_back = config.get('looks_back', false) -%}
  {#- Each INSERT of such a mart reads all sessions before its days: few are better, and its rows are small. -#}
  {%- set sessions_per_insert = var('sessions_per_insert') * (4 if looks_back else 1) -%}
  {%- set chunks = chunks_of(days_to_build(target, looks_back), sessions_per_insert) -%}

  {{ run_hooks(pre_hooks) }}
  {%- for chunk in chunks %}
    {%- call statement('main') %}{{ insert_days(target, sql, chunk, version) }}{% endcall -%}
    {%- do run_query(insert_vanished_keys(target, chunk)) -%}
    {%- do run_query(insert_builds(chunk, version)) -%}
  {%- else %}
    {%- call statement('main') %}select 1{% endcall -%}
  {%- endfor %}
  {%- do merge_months_of(target, chunks) -%}
  {{ run_hooks(post_hooks) }}

  {%- do log(this.identifier ~ ': ' ~ (chunks | sum(attribute='days')) ~ ' days in ' ~ (chunks | length) ~ ' inserts',
             info=true) -%}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}


{# The database's clock in ns since the epoch, the unit of `sessions.version`. #}
{% macro database_now_ns() %}
  {{ return(run_query('select toUInt64(toUnixTimestamp64Nano(now64(9)))').columns[0].values()[0] | int) }}
{% endmacro %}


{# Whoever writes a session reads its events at most this long before: see mart_builds. #}
{% macro settled_version(version) %}{{ return(version - 60 * 1000 ** 3) }}{% endmacro %}


{# The first day that is not over, or with include_today the one after. #}
{% macro end_of_days() -%}
  toDate(now('UTC')) + {{ var('include_today') | int }}
{%- endmacro %}


{# The days to build, in order: (day since the epoch, sessions that began on it). #}
{% macro days_to_build(target, looks_back) %}
  {%- set query %}
    with days as (
      select day
      from ({{ every_day(target) if should_full_refresh() else stale_days(target.identifier, looks_back) }})
      where day < {{ end_of_days() }}
    )

    select toInt32(d.day) as day_number, s.sessions as sessions
    from days as d
    left join (
      select toDate(started_at) as day, count() as sessions
      from {{ source('playhead', 'sessions') }}
      where start_week in (select toMonday(day) from days)
      group by day
    ) as s on s.day = d.day
    order by day_number
  {%- endset -%}
  {{ return(run_query(query).rows) }}
{% endmacro %}


{# Every day with sessions or with rows of the mart, less those whose sessions may be gone already. #}
{% macro every_day(target) %}
  select day
  from (
    select day from {{ source('playhead', 'changed_days') }}
    union distinct
    select day from {{ target }}
  )
  where day >= toDate(now('UTC')) - {{ retention_days() }} + 8
{% endmacro %}


{# The days whose sessions changed since the mart was built; where it looks back, also those of any earlier day. #}
{% macro stale_days(model_name, looks_back=false) %}
  select c.day as day
  from (
    select day, {{ 'max(max(changed_version)) over (order by day)' if looks_back else 'max(changed_version)' }} as changed_at
    from {{ source('playhead', 'changed_days') }}
    group by day
  ) as c
  left join (
    select day, max(settled_version) as settled_at
    from {{ source('playhead', 'mart_builds') }}
    where model = '{{ model_name }}'
    group by day
  ) as b on b.day = c.day
  where b.settled_at <= c.changed_at
{% endmacro %}


{# Days in a row with few enough sessions for one INSERT: [{'first', 'last': days since the epoch, 'days'}]. #}
{% macro chunks_of(days, sessions_per_insert) %}
  {%- set chunks = [] -%}
  {%- set open = namespace(first=none, last=none, sessions=0) -%}
  {%- for row in days -%}
    {%- set day, sessions = row[0] | int, row[1] | int -%}
    {%- set fits = open.sessions + sessions <= sessions_per_insert -%}
    {%- if open.first is not none and open.last + 1 == day and fits -%}
      {%- set open.last, open.sessions = day, open.sessions + sessions -%}
    {%- else -%}
      {%- if open.first is not none -%}
        {%- do chunks.append({'first': open.first, 'last': open.last, 'days': open.last - open.first + 1}) -%}
      {%- endif -%}
      {%- set open.first, open.last, open.sessions = day, day, sessions -%}
    {%- endif -%}
  {%- endfor -%}
  {%- if open.first is not none -%}
    {%- do chunks.append({'first': open.first, 'last': open.last, 'days': open.last - open.first + 1}) -%}
  {%- endif -%}
  {{ return(chunks) }}
{% endmacro %}


{% macro is_in_chunk(chunk) -%}
  day >= toDate({{ chunk.first }}) and day <= toDate({{ chunk.last }})
{%- endmacro %}


{#
  The days of a chunk, in one block and so in one part a month: a part never holds half a day. A key that was there and
  is not any more gets a row of zeros.
#}
{% macro insert_days(target, sql, chunk, version) %}
  {%- set keys = config.require('keys') -%}
  {%- set columns = adapter.get_columns_in_relation(target) | map(attribute='name') | reject('equalto', 'version') | list -%}
  {%- set bounded = sql.replace('{from_ms:Int64}', (chunk.first * 86400000) | string)
                       .replace('{to_ms:Int64}', ((chunk.last + 1) * 86400000) | string) -%}
  insert into {{ target }} ({{ columns | join(', ') }}, version)
  select {{ columns | join(', ') }}, {{ version }} as version
  from (
    {{ bounded }}
  ) as built
  full outer join (
    select {{ keys | join(', ') }} from {{ target }} final where {{ is_in_chunk(chunk) }}
  ) as kept using ({{ keys | join(', ') }})
  settings
    join_use_nulls = 0, max_insert_threads = 1, min_insert_block_size_rows = 1000000000000,
    min_insert_block_size_bytes = 0, max_bytes_before_external_group_by = 1500000000
{% endmacro %}


{#
  Merge what a run has added to a month into one part, so that readers unpack each row once, not every version of it. The
  engine would come to it by itself, much later; months of more than `bytes_to_merge` are left to it, and so are those of
  a cluster, whose tables are elsewhere.
#}
{% macro merge_months_of(target, chunks) %}
  {%- if chunks and not env_var('DBT_PLAYHEAD_CLUSTER', '') -%}
    {%- set query %}
      select partition_id
      from system.parts
      where active and database = '{{ target.schema }}' and table = '{{ target.identifier }}'
        and toUInt32(partition_id) >= toYYYYMM(toDate({{ chunks[0].first }}))
        and toUInt32(partition_id) <= toYYYYMM(toDate({{ chunks[-1].last }}))
      group by partition_id
      having count() > 1 and sum(bytes_on_disk) <= {{ var('bytes_to_merge') }}
    {%- endset -%}
    {%- for month in run_query(query).rows -%}
      {%- do run_query('optimize table ' ~ target ~ " partition id '" ~ month[0] ~ "' final") -%}
    {%- endfor -%}
  {%- endif -%}
{% endmacro %}


{# Zeros for rows that another build, begun earlier, put beside those of a later one. #}
{% macro insert_vanished_keys(target, chunk) %}
  {%- set keys = config.require('keys') | join(', ') -%}
  insert into {{ target }} ({{ keys }}, version)
  select {{ keys }}, newest_version
  from (
    select {{ keys }}, version as row_version, max(version) over (partition by day) as newest_version
    from {{ target }} final
    where {{ is_in_chunk(chunk) }}
  )
  where row_version < newest_version
{% endmacro %}


{# Say that the days of a chunk are built. #}
{% macro insert_builds(chunk, version) %}
  insert into {{ source('playhead', 'mart_builds') }} (model, day, settled_version)
  select '{{ model.name }}', toDate({{ chunk.first }} + number), {{ settled_version(version) }}
  from numbers({{ chunk.days }})
{% endmacro %}


{# How long events and sessions are kept. #}
{% macro retention_days() -%}
  {{ env_var('DBT_PLAYHEAD_RETENTION_DAYS', '400') | int }}
{%- endmacro %}
