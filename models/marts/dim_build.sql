select
    coalesce({{ seen('built_at') }}, current_timestamp::varchar) as built_at,
    {{ seen('qwh_version') }} as qwh_version,
    {{ seen('code') }} as code,
    {{ seen('settings') }} as asked_settings,
