-- the words that each item was asked with
with items as (
    select
        run_id,
        category,
        item,
        string_split(any_value(prompt), ' ') as words,
    from {{ ref('stg_prompts') }}
    where item is not null
    group by all
),

reworded as (
    select
        pairs.run_id,
        own.category,
        own.item,
        own.words as own_words,
        other.words as other_words,
        list_zip(own.words, other.words) as both_words,
    from {{ ref('int_benchmark_pairs') }} as pairs
    inner join items as own
        on pairs.run_id = own.run_id
    inner join items as other
        on pairs.reference_run_id = other.run_id
        and own.item = other.item
        and own.category is not distinct from other.category
),

places as (
    select
        *,
        list_position(
            list_transform(both_words, lambda pair: pair[1] is distinct from pair[2]), true
        ) as place,
    from reworded
)

select
    run_id,
    category,
    item,
    {% for side in ['own', 'other'] -%}
        left(
            array_to_string({{ side }}_words[greatest(place - 2, 1):place + 2], ' '), 60
        ) as {{ side }}_text,
    {% endfor %}
from places
