{# dbt keeps the lineage; the SQL reads the raw layer wherever it lies. #}
{% macro source(source_name, table_name) %}
    {%- do builtins.source(source_name, table_name) -%}
    {%- if table_name == 'runs' -%}{{ return(raw_runs()) }}{%- endif -%}
    {%- if table_name == 'edits' -%}{{ return(raw_edits()) }}{%- endif -%}
    {{ return(raw_parts(table_name)) }}
{% endmacro %}

{# The runs as they are after all edits, less those that were retracted and those of cohorts that
   are set aside. #}
{% macro raw_runs() -%}
    (
        select manifests.* replace (
            coalesce(edits.quant_id, manifests.quant_id) as quant_id
        ),
            coalesce(edits.tags, []) as tags,
        from {{ raw_manifests() }} as manifests
        left join {{ held_edits() }} as edits using (run_id)
        where not coalesce(edits.is_retracted, false)
            and cohort_id not in (select unbuilt.cohort_id, from {{ unbuilt() }} as unbuilt)
    )
{%- endmacro %}

{# All manifests as rows. The types are said here, so that a key that is null everywhere keeps its
   type. #}
{% macro raw_manifests() -%}
    (from read_json({{ raw_path('runs/*.json') }}, format = 'auto', columns = {
        run_id: 'VARCHAR',
        task: 'VARCHAR',
        role: 'VARCHAR',
        cohort_id: 'VARCHAR',
        quant_id: 'VARCHAR',
        reference_run_id: 'VARCHAR',
        first_run_id: 'VARCHAR',
        model_name: 'VARCHAR',
        architecture: 'VARCHAR',
        file_name: 'VARCHAR',
        file_sha256: 'VARCHAR',
        file_bytes: 'BIGINT',
        parameters: 'BIGINT',
        bits_per_weight: 'DOUBLE',
        file_type: 'VARCHAR',
        tensor_types: 'VARCHAR',
        made_from: 'VARCHAR',
        block_levels: 'INTEGER',
        tensor_hashes: 'VARCHAR',
        uploader: 'VARCHAR',
        imatrix: 'VARCHAR',
        calibration_sha256: 'VARCHAR',
        calibration_overlap: 'DOUBLE',
        tokenizer_sha256: 'VARCHAR',
        vocabulary_sha256: 'VARCHAR',
        vocab_size: 'INTEGER',
        corpus_id: 'VARCHAR',
        corpus_sha256: 'VARCHAR',
        token_stream_sha256: 'VARCHAR',
        corpus_rank: 'INTEGER',
        corpus_tokens: 'BIGINT',
        add_bos: 'BOOLEAN',
        context_length: 'INTEGER',
        chunks: 'INTEGER',
        score_from: 'INTEGER',
        scored_span: 'VARCHAR',
        benchmark_id: 'VARCHAR',
        harness: 'VARCHAR',
        engine: 'VARCHAR',
        engine_version: 'VARCHAR',
        device: 'VARCHAR',
        threads: 'INTEGER',
        estimator: 'VARCHAR',
        logits_dtype: 'VARCHAR',
        top_k: 'INTEGER',
        metrics_version: 'INTEGER',
        schema_version: 'INTEGER',
        qwh_version: 'VARCHAR',
        batch_size: 'INTEGER',
        ubatch_size: 'INTEGER',
        reading: 'VARCHAR',
        lora: 'VARCHAR',
        capture_id: 'VARCHAR',
        capture_kld: 'DOUBLE',
        source_format: 'VARCHAR',
        source_name: 'VARCHAR',
        source_sha256: 'VARCHAR',
        reference_ppl: 'DOUBLE',
        facts: 'VARCHAR',
        rows: 'BIGINT',
        nonfinite: 'BIGINT',
        status: 'VARCHAR',
        started_at: 'VARCHAR',
        finished_at: 'VARCHAR',
        seconds: 'DOUBLE',
        parts: 'VARCHAR'
    }) where {{ is_raw_its_own() }})
{%- endmacro %}
