"""The text that a cohort's tables go by, where its file names one."""

from ...raw import edits
from ...raw.ledger import tags
from ...raw.store import Store
from .keys import CohortFile

PRIMARY = "primary"  # the tag of its runs, as models/intermediate/int_cohort_texts.sql reads it


def name_primary(file: CohortFile, cohort: str, store: Store) -> bool:
    """Tag the runs on the file's primary text, and no other's; whether that changed anything."""
    text = next((each for each in file.texts if each.primary), None)
    if text is None:
        return False
    mine, others = list[str](), list[str]()
    state = store.ledger.state()
    for run in store.runs():
        if run.cohort_id != cohort or run.task not in ("corpus", "summary"):
            continue
        is_its = (run.corpus_id, run.context_length) == (text.name, text.context_length)
        if is_its != (PRIMARY in tags(state.get(str(run.run_id), {}))):
            (mine if is_its else others).append(str(run.run_id))
    why = f"primary in {file.path.name}"
    edits.tag(store, mine, PRIMARY, why=why)
    edits.tag(store, others, PRIMARY, remove=True, why=why)
    return bool(mine or others)
