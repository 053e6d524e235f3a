{#
  A view over `sessions` that sees to it first that they are up to date with the events, by the statements that the
  service's refresh uses: those that have changed, or with --full-refresh all of them, in slices of bounded size. On a
  cluster it does not: sessions are folded where they lie, on their shard, which only the service asks by itself.
#}
{% materialization folded_sessions, adapter='clickhouse' %}
  {%- set target = this.incorporate(type='view') -%}
  {{ run_hooks(pre_hooks) }}
  {%- if env_var('DBT_PLAYHEAD_CLUSTER', '') -%}
    {%- do log(this.identifier ~ ': sessions are left to the refresh of each shard', info=true) -%}
  {%- else -%}
    {%- set sessions = refold_every_session() if should_full_refresh() else refold_stale_sessions() -%}
    {%- do log(this.identifier ~ ': ' ~ sessions ~ ' sessions refolded', info=true) -%}
  {%- endif %}
  {%- call statement('main') %}{{ get_create_view_as_sql(target, sql) }}{% endcall -%}
  {{ run_hooks(post_hooks) }}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}


{# Refold the sessions with inserts that their row has not seen, since the last mark of the refresh; how many. #}
{% macro refold_stale_sessions() %}
  {%- set query %}
    select toString(greatest(
      if(max(counted_until) > toDateTime64(0, 3, 'UTC'), max(counted_until), max(refreshed_until)),
      toDateTime64(60, 3, 'UTC')
    ) - toIntervalMinute(1))
    from {{ source('playhead', 'refresh_marks') }}
  {%- endset -%}
  {%- set touched_since = run_query(query).columns[0].values()[0] -%}
  {%- set listed_id = new_batch_id() -%}
  {%- do run_query(list_stale_sessions(
    listed_id=listed_id, touched_since=touched_since, touched_before='2100-01-01 00:00:00'
  )) -%}
  {%- set state = namespace(sessions=0, is_done=false, session_id='00000000-0000-0000-0000-000000000000', stream_id='') -%}
  {%- for _ in range(100000) if not state.is_done -%}
    {%- set batch_id, version = new_batch_id(), read_watermark() -%}
    {%- do run_query(scope_listed_sessions(
      batch_id=batch_id, max_rows=var('events_per_refold'), watermark_ns=version, listed_id=listed_id,
      after_session_id=state.session_id, after_stream_id=state.stream_id
    )) -%}
    {%- set ends = run_query(scope_end(batch_id=batch_id)).rows -%}
    {%- if ends -%}
      {%- do run_query(fold_scope(batch_id=batch_id, max_events=max_session_events())) -%}
      {%- do run_query(note_changed_days(from_version=version)) -%}
      {%- set state.sessions = state.sessions + ends[0]['sessions'] | int -%}
      {%- set state.session_id, state.stream_id = ends[0]['session_id'], ends[0]['stream_id'] -%}
    {%- else -%}
      {%- set state.is_done = true -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(state.sessions) }}
{% endmacro %}


{#
  Refold every session whose events are all there still, slice after slice; how many. A slice has the sessions that began
  on some days in a row, since events lie by day: by session, each slice would read them all.
#}
{% macro refold_every_session() %}
  {%- set plan_id = new_batch_id() -%}
  {%- do run_query(plan_slices(plan_id)) -%}
  {%- set query %}
    select toString(batch_id) as slice_id, count() as sessions
    from {{ source('playhead', 'refold_scope') }}
    where batch_id in (select {{ slice_id(plan_id, 'number') }} from numbers(100000))
    group by batch_id
    order by slice_id
  {%- endset -%}
  {%- set state = namespace(sessions=0) -%}
  {%- for slice in run_query(query).rows -%}
    {%- set batch_id, version = new_batch_id(), read_watermark() -%}
    {%- do run_query(scope_slice(batch_id, slice['slice_id'], version)) -%}
    {%- do run_query(fold_scope(batch_id=batch_id, max_events=max_session_events())) -%}
    {%- do run_query(note_changed_days(from_version=version)) -%}
    {%- set state.sessions = state.sessions + slice['sessions'] | int -%}
  {%- endfor -%}
  {{ return(state.sessions) }}
{% endmacro %}


{#
  Settle which sessions are in which slice. Those that began before the oldest event that is surely kept stay as they
  are: what is left of their events would make another session of them.
#}
{% macro plan_slices(plan_id) %}
  insert into {{ source('playhead', 'refold_scope') }} (batch_id, session_id, stream_id, days, inserted_rows)
  select {{ slice_id(plan_id, 'slice') }}, session_id, stream_id, session_days, session_rows
  from (
    select
      session_id, stream_id, session_days, session_rows,
      intDiv(
        sum(session_rows) over (
          order by arrayMin(session_days), session_id, stream_id rows unbounded preceding
        ) - session_rows,
        {{ var('events_per_refold') }}
      ) as slice
    from (
      select session_id, stream_id, groupUniqArrayArray(days) as session_days, sum(inserted_rows) as session_rows
      from {{ source('playhead', 'session_index') }}
      group by session_id, stream_id
      having arrayMin(session_days) >= toInt32(toDate(now('UTC'))) - {{ retention_days() }} + 2
    )
  )
{% endmacro %}


{# The batch that a plan's slice is under: the plan's id, the slice's number in its last digits. #}
{% macro slice_id(plan_id, number) -%}
  toUUID(concat('{{ plan_id[:24] }}', leftPad(toString({{ number }}), 12, '0')))
{%- endmacro %}


{#
  Settle that a batch takes on a slice of the plan, stale or not. What the index has of its sessions is read anew, after
  the watermark: the plan may be older than events up to it, on days that it does not know. Of the rows only weeks are
  read that may hold one: each has an event of a day that the plan knows, or was a day ahead by its client's clock.
#}
{% macro scope_slice(batch_id, slice_id, version) %}
  {%- set slice -%}
    from {{ source('playhead', 'refold_scope') }} where batch_id = '{{ slice_id }}'
  {%- endset -%}
  {%- set of_slice = 'select session_id, stream_id ' ~ slice -%}
  insert into {{ source('playhead', 'refold_scope') }} (
    batch_id, session_id, stream_id, days, inserted_rows, was_first_day, was_last_day, version
  )
  select
    '{{ batch_id }}', i.session_id, i.stream_id, i.session_days, i.session_rows, s.was_first_day, s.was_last_day,
    {{ version }}
  from (
    select session_id, stream_id, groupUniqArrayArray(days) as session_days, sum(inserted_rows) as session_rows
    from {{ source('playhead', 'session_index') }}
    where (session_id, stream_id) in ({{ of_slice }})
    group by session_id, stream_id
  ) as i
  left join (
    select session_id, stream_id, min(toDate(started_at)) as was_first_day, max(toDate(last_at)) as was_last_day
    from {{ source('playhead', 'sessions') }}
    where start_week <= (select toMonday(toDate(max(arrayMax(days))) + 1) {{ slice }})
      and last_week >= (select toMonday(toDate(min(arrayMin(days))) - 1) {{ slice }})
      and (session_id, stream_id) in ({{ of_slice }})
    group by session_id, stream_id
  ) as s on s.session_id = i.session_id and s.stream_id = i.stream_id
{% endmacro %}


{# The watermark, in ns: the version of a refold that is begun now. #}
{% macro read_watermark() %}
  {{ return(run_query(watermark()).columns[0].values()[0] | int) }}
{% endmacro %}


{% macro new_batch_id() %}
  {{ return(run_query('select toString(generateUUIDv4())').columns[0].values()[0]) }}
{% endmacro %}


{% macro max_session_events() -%}
  {{ env_var('DBT_PLAYHEAD_MAX_SESSION_EVENTS', '20000') | int }}
{%- endmacro %}
