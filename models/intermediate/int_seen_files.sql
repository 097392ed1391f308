select
    seen.path,
    seen.sha256,
from {{ seen_files() }} as seen
where seen.path is not null
