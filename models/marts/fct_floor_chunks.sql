select
    quants.cohort_id,
    quants.corpus_id,
    quants.context_length,
    routes.route,
    quants.estimator,
    quants.quant_id,
    quants.chunk,
    quants.kld_sum,
    quants.kld_n,
    floors.kld_sum as floor_sum,
    floors.n as floor_n,
    run_id,
from {{ ref('fct_chunks') }} as quants
inner join {{ ref('int_routes') }} as routes using (run_id)
inner join {{ ref('fct_noise_floor') }} as controls
    on quants.cohort_id = controls.cohort_id
    and quants.corpus_id = controls.corpus_id
    and quants.context_length = controls.context_length
    and quants.estimator = controls.estimator
    and routes.route = controls.route
    and controls.is_floor
inner join {{ ref('int_control_chunks') }} as floors
    on controls.run_id = floors.run_id
    and quants.chunk = floors.chunk
where quants.kld_n > 0
