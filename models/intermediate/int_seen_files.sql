{%- set files = var('seen', {}).get('files') -%}
select
    path,
    sha256,
from
    {% if files -%}
        read_json(
            {{ text_or_null(files) }}, columns = {'path': 'VARCHAR', 'sha256': 'VARCHAR'}
        )
    {%- else -%}
        (values (null::varchar, null::varchar)) as none_seen (path, sha256)
    {%- endif %}
where path is not null
