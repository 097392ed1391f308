{%- set seen = var('seen', {}) -%}
select
    '{{ seen.get('built_at', modules.datetime.datetime.now(modules.pytz.utc).isoformat()) }}'
        as built_at,
    {{ text_or_null(seen.get('qwh_version')) }} as qwh_version,
    {{ text_or_null(seen.get('code')) }} as code,
    {{ text_or_null(seen.get('settings')) }} as settings,
