{# What the sessions of a mart's days add up to, without bots; the view says what the columns are. #}
{% macro metric_sums(dimensions, bucket_length_ms) -%}
  metric_sums(
      dimensions = {{ dimensions }}, bucket_length_ms = {{ bucket_length_ms }},
      from_a = {from_ms:Int64}, to_a = {to_ms:Int64}, from_b = 0, to_b = 0,
      stream_id = '', organizer_id = '', provider = '', country = '', device = '', include_bots = false
  )
{%- endmacro %}


{# The dimensions that figures are broken down by; '' is the whole platform. #}
{% macro mart_dimensions() %}
  {{ return(['', 'organizer_id', 'country', 'device', 'os', 'browser', 'player', 'provider', 'error_code']) }}
{% endmacro %}
