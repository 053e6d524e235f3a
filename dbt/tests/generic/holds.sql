{# A condition is true of every row, of the newest rows where the model keeps several. #}
{% test holds(model, condition, column_name=none, is_replacing=false) %}
select *
from {{ model }} {{ newest() if is_replacing }}
where not ({{ condition }})
{% endtest %}
