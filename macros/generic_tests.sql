{# No two rows share the columns that the model's description names as its grain. #}
{% test unique_grain(model, columns) %}
  select {{ columns | join(', ') }}, count(*) as n
  from {{ model }}
  group by all
  having count(*) > 1
{% endtest %}

{# The expression is true in every row; NULL counts as false. #}
{% test holds(model, expression) %}
  select * from {{ model }} where not coalesce({{ expression }}, false)
{% endtest %}
