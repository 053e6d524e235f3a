{# Of rows with the same key only the newest: what a ReplacingMergeTree is read with. A unit test's rows need none. #}
{% macro newest() %}final{% endmacro %}
