{# The columns together identify a row, of the newest rows where the model keeps several. #}
{% test unique_rows(model, columns, is_replacing=false) %}
select {{ columns | join(', ') }}, count() as copies
from {{ model }} {{ newest() if is_replacing }}
group by {{ columns | join(', ') }}
having copies > 1
{% endtest %}
